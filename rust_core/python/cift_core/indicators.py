"""Technical indicators, over columns (functions) and value by value (classes); both agree to the last bit.

A column is a contiguous numpy array of float64, and so is each result, of the same length: NaN until there is enough.
"""

from cift_core._native import Atr, Bollinger, Ema, Macd, Rsi, Sma, atr, bollinger, ema, macd, rsi, sma

__all__ = ["Atr", "Bollinger", "Ema", "Macd", "Rsi", "Sma", "atr", "bollinger", "ema", "macd", "rsi", "sma"]
