@0xf5d074fc244d3566;
# What travels on the streams, field for field as in cift/core/messages.py: commands on ORDERS, events on EVENTS, books,
# trades and quotes on MARKET_DATA. Each of the three is a root of its own, in the standard stream framing and in one
# segment: its first byte is 0, which no JSON begins with, so a reader of either knows which it has.
#
# Rules of growth. A field is only ever added, at the end of its struct or group, with a default that means "not said";
# numbers are never used twice; enumerants and members of unions are only added. Then every old journal stays readable.
# What changes the meaning of a field needs a new schemaVersion. A reader refuses version 0 (which all zeros would be) and
# versions above its own.
#
# Times are nanoseconds since 1970 (UTC); prices and quantities are the doubles that the engine carries, and finite.

const schemaVersion :UInt16 = 1;

enum Side { buy @0; sell @1; }
enum OrderType { limit @0; market @1; marketToLimit @2; stop @3; pegged @4; notional @5; }
enum TimeInForce { gtc @0; ioc @1; fok @2; day @3; gtd @4; ato @5; atc @6; }
enum Phase { continuous @0; halted @1; openingAuction @2; closingAuction @3; volatilityAuction @4; }
enum Peg { none @0; primary @1; mid @2; market @3; }
enum TradingState { active @0; reducing @1; halted @2; }
enum RiskSetting {
  maxQuantity @0; maxNotional @1; maxPosition @2; collarLast @3; collarReference @4; collarPeriod @5;
  maxExecutions @6; duplicateWindow @7; maxOpenOrders @8; maxOpenNotional @9; maxLeverage @10; buyingPower @11;
  maxMessages @12; cash @13; reference @14; restricted @15; unauthorised @16; enable @17;
}

# What few orders ask for. Zero, or false, is "not said".
struct OrderOptions {
  displayQuantity @0 :Float64;
  minQuantity @1 :Float64;
  expires @2 :UInt64;  # nanoseconds since 1970, for gtd
  triggerPrice @3 :Float64;
  trail @4 :Float64;
  offset @5 :Float64;  # added to what a pegged order follows
  peg @6 :Peg;
  reprice @7 :Bool;
  hidden @8 :Bool;
  allOrNone @9 :Bool;
  reduceOnly @10 :Bool;
}

# An account's own limits; none: everybody's. Apart from what uses it, so that no other message has to be as large.
struct AccountLimits {
  maxPosition :union { none @0 :Void; some @1 :Float64; }
  maxNotional :union { none @2 :Void; some @3 :Float64; }
  maxLeverage :union { none @4 :Void; some @5 :Float64; }
  accountValue :union { none @6 :Void; some @7 :Float64; }
}

struct Command {
  version @0 :UInt16;
  symbol @1 :Text;
  ts @2 :Int64;
  userId @3 :UInt64;
  union {
    newOrder :group {
      side @4 :Side;
      orderType @5 :OrderType;
      tif @6 :TimeInForce;
      postOnly @7 :Bool;
      quantity @8 :Float64;
      price :union { none @9 :Void; some @10 :Float64; }
      clientOrderId @11 :Text;  # absent: none
      options @21 :OrderOptions;  # absent: a plain order
    }
    cancelOrder :group { orderId @12 :UInt64; }
    reduceOrder :group { orderId @13 :UInt64; by @14 :Float64; }
    setInstrument :group { tickSize @15 :Float64; lotSize @16 :Float64; }
    setLimits :group {
      maxPosition @17 :Float64;
      maxNotional @18 :Float64;
      maxLeverage @19 :Float64;
      accountValue @20 :Float64;
    }
    modifyOrder :group {
      orderId @22 :UInt64;
      price :union { same @23 :Void; to @24 :Float64; }
      quantity :union { same @25 :Void; to @26 :Float64; }
    }
    massCancel :group {
      side :union { both @27 :Void; one @28 :Side; }
      minPrice :union { none @29 :Void; some @30 :Float64; }
      maxPrice :union { none @31 :Void; some @32 :Float64; }
    }
    setPhase :group { instrument @33 :Text; phase @34 :Phase; by @35 :UInt64; }
    uncross :group {
      instrument @36 :Text;
      reference :union { none @37 :Void; some @38 :Float64; }
      then @39 :Phase;
      by @40 :UInt64;
    }
    endOfDay :group { instrument @41 :Text; by @42 :UInt64; }
    setAccountLimits :group { limits @43 :AccountLimits; by @44 :UInt64; }
    killSwitch :group {
      state @45 :TradingState;
      instrument @46 :Text;  # absent: none
      by @47 :UInt64;
    }
    setRisk :group {
      setting @48 :RiskSetting;
      value :union { none @49 :Void; some @50 :Float64; }
      windowNs @51 :Int64;
      instrument @52 :Text;  # absent: none
      by @53 :UInt64;
    }
  }
}

struct Event {
  version @0 :UInt16;
  symbol @1 :Text;
  ts @2 :Int64;
  seq @3 :UInt64;
  pos @4 :UInt32;
  userId @5 :UInt64;
  orderId @6 :UInt64;
  last @7 :Bool;
  union {
    accepted :group {
      side @8 :Side;
      quantity @9 :Float64;
      price :union { none @10 :Void; some @11 :Float64; }
      resting @12 :Float64;
      clientOrderId @13 :Text;  # absent: none
    }
    fill :group {
      side @14 :Side;
      price @15 :Float64;
      quantity @16 :Float64;
      makerOrderId @17 :UInt64;
      makerUserId @18 :UInt64;
    }
    cancelled :group { quantity @19 :Float64; reason @20 :Text; }
    reduced :group { remaining @21 :Float64; }
    rejected :group { code @22 :Text; reason @23 :Text; }
    modified :group {
      price :union { none @24 :Void; some @25 :Float64; }
      quantity @26 :Float64;
      resting @27 :Float64;
    }
    massCancelled :group { count @28 :UInt32; }
    phaseSet :group { instrument @29 :Text; phase @30 :Phase; }
    uncrossed :group {
      instrument @31 :Text;
      phase @32 :Phase;
      price :union { none @33 :Void; some @34 :Float64; }
      volume @35 :Float64;
      imbalance @36 :Float64;
    }
    dayEnded :group { instrument @37 :Text; phase @38 :Phase; count @39 :UInt32; }
    accountLimitsSet :group { limits @40 :AccountLimits; }
    killSwitchSet :group {
      state @41 :TradingState;
      instrument @42 :Text;  # absent: none
    }
    riskSet :group {
      setting @43 :RiskSetting;
      value :union { none @44 :Void; some @45 :Float64; }
      windowNs @46 :Int64;
      instrument @47 :Text;  # absent: none
    }
  }
}

struct Level { price @0 :Float64; quantity @1 :Float64; }

# The best prices of a market that a feed tells of; a side that is empty has none.
struct Quote {
  bid :union { none @0 :Void; some @1 :Float64; }
  bidQuantity :union { none @2 :Void; some @3 :Float64; }
  ask :union { none @4 :Void; some @5 :Float64; }
  askQuantity :union { none @6 :Void; some @7 :Float64; }
}

struct MarketData {
  version @0 :UInt16;
  symbol @1 :Text;
  ts @2 :Int64;
  seq @3 :UInt64;
  union {
    book :group {
      bids @4 :List(Level);
      asks @5 :List(Level);
      phase @10 :Phase;
      indication :union {
        none @11 :Void;
        some :group { price @12 :Float64; volume @13 :Float64; imbalance @14 :Float64; }
      }
    }
    trade :group { pos @6 :UInt32; side @7 :Side; price @8 :Float64; quantity @9 :Float64; }
    quote :group { best @15 :Quote; }
  }
}

# Many messages in one, for whoever reads a few fields of a few of them.
struct CommandBatch { version @0 :UInt16; commands @1 :List(Command); }
struct EventBatch { version @0 :UInt16; events @1 :List(Event); }
