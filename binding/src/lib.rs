//! The module `otmon._engine`: the list of what Python sees.

mod behaviour;
mod catalogue;
mod convert;
mod engine;
mod fault;
mod kept;
#[cfg(target_os = "linux")]
mod live;
mod observation;
mod of_flow;
mod points;
mod selection;
mod shared;
mod spoof;
mod timing;
mod transaction;
mod wanted;
mod worker;

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyString, PyTuple};

/// Frames in, observations out.
///
/// The engine reads capture files on a thread of its own and hands over what it
/// observed in batches. `otmon/_engine.pyi` describes every class.
#[pymodule(name = "_engine", gil_used = true)]
mod module {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::behaviour::{Behaviour, ValueFacts};
    #[pymodule_export]
    use crate::catalogue::{
        AnomalyInfo, ClassInfo, FieldInfo, ProtocolInfo, anomalies, classes, compile_filter,
        counter_meanings, protocols, version,
    };
    #[pymodule_export]
    use crate::engine::{CaptureFile, Engine, Interface};
    #[pymodule_export]
    use crate::kept::Behaviours;
    #[pymodule_export]
    use crate::observation::{Address, Claim, Content, Conversation};
    #[pymodule_export]
    use crate::points::{PointQuality, Readback};
    #[pymodule_export]
    use crate::selection::{SelectedFrame, Selection, select_frames, write_capture};
    #[pymodule_export]
    use crate::spoof::{Arp, HeaderShift};
    #[pymodule_export]
    use crate::timing::{Health, Loss, NoReply, Rhythm};
    #[pymodule_export]
    use crate::transaction::Transaction;
    #[pymodule_export]
    use crate::wanted::Wanted;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::fault::install_quiet_hook();
        crate::add_aliases(module)
    }
}

/// Adds the names for types that the stub declares, so that they can be imported.
fn add_aliases(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let int = py.get_type::<PyInt>();
    module.add("Frame", py.get_type::<PyTuple>().get_item((&int, &int))?)?;
    let value = py.get_type::<PyBool>().bitor(&int)?.bitor(py.get_type::<PyFloat>())?;
    module
        .add("Value", value.bitor(py.get_type::<PyString>())?.bitor(py.get_type::<PyBytes>())?)?;
    let records = [
        py.get_type::<behaviour::Behaviour>(),
        py.get_type::<observation::Conversation>(),
        py.get_type::<observation::Address>(),
        py.get_type::<observation::Claim>(),
        py.get_type::<observation::Content>(),
        py.get_type::<timing::Rhythm>(),
        py.get_type::<timing::NoReply>(),
        py.get_type::<timing::Health>(),
        py.get_type::<timing::Loss>(),
        py.get_type::<spoof::Arp>(),
        py.get_type::<spoof::HeaderShift>(),
        py.get_type::<points::Readback>(),
        py.get_type::<points::PointQuality>(),
    ];
    let any = py.get_type::<transaction::Transaction>().into_any();
    let any = records.into_iter().try_fold(any, |any, class| any.bitor(class))?;
    module.add("Observation", any)
}
