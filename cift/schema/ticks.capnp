@0xa6cac6ec48de580c;
# Trades by column: every list has one entry per tick and lies in the message as it lies in memory, so that numpy and
# Arrow read a column where it is. The columns are those of ticks_analytics; the rules of growth are in messages.capnp.

struct TickBatch {
  version @0 :UInt16;
  symbols @1 :List(Text);
  symbol @2 :List(UInt32);    # index into symbols
  ts @3 :List(Int64);         # nanoseconds since 1970 (UTC)
  price @4 :List(Float64);
  quantity @5 :List(Float64);
  side @6 :List(Int8);        # 1 the taker bought, -1 it sold, 0 nobody knows
  seq @7 :List(UInt64);
  pos @8 :List(UInt32);
}
