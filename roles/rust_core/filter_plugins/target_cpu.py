"""Choose rustc's target-cpu for a host from its /proc/cpuinfo, never more than its flags allow.

Virtual machines hide flags, so the CPU's name alone is no promise: every feature that rustc turns on for a target must
be among the host's flags. What a target turns on is what `rustc --print cfg -C target-cpu=X` lists (a test compares).
"""

from __future__ import annotations

# rustc's feature names that /proc/cpuinfo spells differently.
CPUINFO_NAMES = {
    "avx512bf16": "avx512_bf16",
    "avx512bitalg": "avx512_bitalg",
    "avx512vbmi2": "avx512_vbmi2",
    "avx512vnni": "avx512_vnni",
    "avx512vp2intersect": "avx512_vp2intersect",
    "avx512vpopcntdq": "avx512_vpopcntdq",
    "avxvnni": "avx_vnni",
    "cmpxchg16b": "cx16",
    "lzcnt": "abm",
    "sha": "sha_ni",
    "sse3": "pni",
    "sse4.1": "sse4_1",
    "sse4.2": "sse4_2",
}

_V1 = {"fxsr", "sse", "sse2"}
_V2 = _V1 | {"cmpxchg16b", "popcnt", "sse3", "sse4.1", "sse4.2", "ssse3"}
_V3 = _V2 | {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "lzcnt", "movbe", "xsave"}
_V4 = _V3 | {"avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl"}
_ZEN1 = _V3 | {"adx", "aes", "pclmulqdq", "rdrand", "rdseed", "sha", "sse4a", "xsavec", "xsaveopt", "xsaves"}
_ZEN3 = _ZEN1 | {"vaes", "vpclmulqdq"}
_ZEN4 = (_V4 | _ZEN3) | {
    "avx512bf16",
    "avx512bitalg",
    "avx512ifma",
    "avx512vbmi",
    "avx512vbmi2",
    "avx512vnni",
    "avx512vpopcntdq",
    "gfni",
}
FEATURES: dict[str, set[str]] = {
    "x86-64": _V1,
    "x86-64-v2": _V2,
    "x86-64-v3": _V3,
    "x86-64-v4": _V4,
    "znver1": _ZEN1,
    "znver2": _ZEN1,
    "znver3": _ZEN3,
    "znver4": _ZEN4,
    "znver5": _ZEN4 | {"avx512vp2intersect", "avxvnni"},
}
ZEN = ["znver5", "znver4", "znver3", "znver2", "znver1"]
LEVELS = ["x86-64-v4", "x86-64-v3", "x86-64-v2"]


def first_processor(cpuinfo: str) -> dict[str, str]:
    """Return the fields of the first processor."""
    lines = cpuinfo.split("\n\n", 1)[0].splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}


def zen_generation(vendor: str, family: int, model: int) -> str | None:
    """Return the Zen generation of an AMD CPU, or None for any other."""
    if vendor == "HygonGenuine" and family == 24:
        return "znver1"
    if vendor != "AuthenticAMD":
        return None
    if family == 23:
        return "znver1" if model < 0x30 else "znver2"
    if family == 25:
        zen4 = 0x10 <= model <= 0x1F or 0x60 <= model <= 0x7F or 0xA0 <= model <= 0xAF
        return "znver4" if zen4 else "znver3"
    return "znver5" if family == 26 else None


def missing_features(cpuinfo: str, target_cpu: str) -> list[str]:
    """Return the flags that `target_cpu` needs and the host lacks; an unknown target needs nothing that we know of."""
    flags = set(first_processor(cpuinfo).get("flags", "").split())
    needed = {CPUINFO_NAMES.get(name, name) for name in FEATURES.get(target_cpu, set())}
    return sorted(needed - flags)


def target_cpu(cpuinfo: str) -> str:
    """Return the best target-cpu: the CPU's own Zen generation, else an earlier one, else a level, else `generic`.

    A generation is only stepped down within AMD's family. A level is preferred to an older generation where it keeps
    vectors that the generation would lose: a Zen 4 without `rdseed` becomes x86-64-v4 rather than znver1.
    """
    fields = first_processor(cpuinfo)
    if "flags" not in fields:
        return "generic"
    zen = zen_generation(fields.get("vendor_id", ""), int(fields.get("cpu family") or 0), int(fields.get("model") or 0))
    candidates = ZEN[ZEN.index(zen) :] if zen else []
    fitting = [name for name in [*candidates, *LEVELS] if not missing_features(cpuinfo, name)]
    if not fitting:
        return "x86-64"
    widest = max("avx512f" in FEATURES[name] for name in fitting)
    return next(name for name in fitting if ("avx512f" in FEATURES[name]) == widest)


class FilterModule:
    """The filters of this role."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"target_cpu": target_cpu, "missing_features": missing_features}
