from typing import TypeAlias, final

import numpy as np
from numpy.typing import NDArray

_Floats: TypeAlias = NDArray[np.float64]

def sma(values: _Floats, period: int = 20) -> _Floats:
    """Simple moving average: the mean of the last `period` values."""

def ema(values: _Floats, period: int = 20) -> _Floats:
    """Exponential moving average, weight 2 / (period + 1), from the mean of the first `period` values."""

def rsi(values: _Floats, period: int = 14) -> _Floats:
    """Relative strength index (Wilder 1978), 0 to 100, from row `period` on; 50 where nothing moved."""

def macd(values: _Floats, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[_Floats, _Floats, _Floats]:
    """MACD (Appel): (macd, signal, histogram), from rows `slow - 1` and `slow + signal - 2` on."""

def bollinger(values: _Floats, period: int = 20, width: float = 2.0) -> tuple[_Floats, _Floats, _Floats]:
    """Bands of Bollinger (2001): (upper, middle, lower), `width` population standard deviations around the mean."""

def atr(highs: _Floats, lows: _Floats, closes: _Floats, period: int = 14) -> _Floats:
    """Average true range (Wilder 1978), from row `period - 1` on; the first bar's true range is high - low."""

@final
class Sma:
    """Simple moving average, value by value."""

    def __new__(cls, period: int = 20) -> Sma: ...
    def update(self, value: float) -> float: ...
    @property
    def value(self) -> float: ...

@final
class Ema:
    """Exponential moving average, value by value."""

    def __new__(cls, period: int = 20) -> Ema: ...
    def update(self, value: float) -> float: ...
    @property
    def value(self) -> float: ...

@final
class Rsi:
    """Relative strength index (Wilder 1978), value by value."""

    def __new__(cls, period: int = 14) -> Rsi: ...
    def update(self, value: float) -> float: ...
    @property
    def value(self) -> float: ...

@final
class Macd:
    """MACD (Appel), value by value: (macd, signal, histogram)."""

    def __new__(cls, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd: ...
    def update(self, value: float) -> tuple[float, float, float]: ...
    @property
    def value(self) -> tuple[float, float, float]: ...

@final
class Bollinger:
    """Bands of Bollinger (2001), value by value: (upper, middle, lower)."""

    def __new__(cls, period: int = 20, width: float = 2.0) -> Bollinger: ...
    def update(self, value: float) -> tuple[float, float, float]: ...
    @property
    def value(self) -> tuple[float, float, float]: ...

@final
class Atr:
    """Average true range (Wilder 1978), bar by bar."""

    def __new__(cls, period: int = 14) -> Atr: ...
    def update(self, high: float, low: float, close: float) -> float: ...
    @property
    def value(self) -> float: ...
