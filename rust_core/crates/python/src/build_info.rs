//! What this library was built for: as a marker in its bytes, and as a dict.

use pyo3::prelude::*;
use pyo3::types::PyDict;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const TARGET_CPU: &str = env!("CIFT_BUILD_TARGET_CPU");
const FEATURES: &str = env!("CIFT_BUILD_FEATURES");
const PROFILE: &str = env!("CIFT_BUILD_PROFILE");
const RUSTC: &str = env!("CIFT_BUILD_RUSTC");

/// `cift_core/__init__.py` finds this in the file before it loads it, and so can refuse a CPU without the features.
const TEXT: &str = concat!(
    "CIFT_CORE_BUILD arch=",
    env!("CIFT_BUILD_ARCH"),
    " target_cpu=",
    env!("CIFT_BUILD_TARGET_CPU"),
    " features=",
    env!("CIFT_BUILD_FEATURES"),
    " \n"
);

#[used]
static MARKER: [u8; TEXT.len()] = {
    let mut bytes = [0; TEXT.len()];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = TEXT.as_bytes()[at];
        at += 1;
    }
    bytes
};

/// Return how this library was built: version, target_cpu, features, profile, rustc.
#[pyfunction]
pub fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let info = PyDict::new(py);
    info.set_item("version", VERSION)?;
    info.set_item("target_cpu", TARGET_CPU)?;
    info.set_item("features", FEATURES.split(',').filter(|name| !name.is_empty()).collect::<Vec<_>>())?;
    info.set_item("profile", PROFILE)?;
    info.set_item("rustc", RUSTC)?;
    Ok(info)
}
