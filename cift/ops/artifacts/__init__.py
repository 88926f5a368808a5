"""`cift artifacts`: everything that is downloaded, for looking at and for sites without internet."""
