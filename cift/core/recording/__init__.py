"""What the recorder is made of: streams in batches, the rows of messages, storing that goes on until it is done."""
