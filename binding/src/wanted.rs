//! The class `Wanted`: what leaves one by one though it would be folded.

use engine::dissectors::operation::Class;
use engine::dissectors::registry::ProtocolId;
use engine::limits::Limits;
use engine::wanted::Wanted as Own;
use pyo3::prelude::*;

use crate::fault::errors::OptionsError;

/// Exchanges that a rule has to see one by one.
#[pyclass(frozen, eq, from_py_object, module = "otmon._engine")]
#[derive(Clone, PartialEq)]
pub struct Wanted(Own);

#[pymethods]
impl Wanted {
    #[new]
    #[pyo3(signature = (
        protocol, *, operation_class = None, operation = None, function_code = None, unit = None,
        space = None, addresses = None, values = None, changes = false, field = None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
    fn new(
        protocol: &str,
        operation_class: Option<&str>,
        operation: Option<String>,
        function_code: Option<u16>,
        unit: Option<u32>,
        space: Option<String>,
        addresses: Option<(u32, u32)>,
        values: Option<(f64, f64)>,
        changes: bool,
        field: Option<String>,
    ) -> PyResult<Self> {
        let wrong = |text: String| OptionsError::new_err(text);
        let protocol = ProtocolId::ALL.iter().find(|id| id.registration().name == protocol);
        let protocol =
            protocol.ok_or_else(|| wrong("No such protocol. See protocols().".to_owned()))?;
        let class = operation_class
            .map(|name| {
                let class = Class::ALL.iter().find(|class| class.as_str() == name);
                class.copied().ok_or_else(|| wrong(format!("{name:?} is no class. See classes().")))
            })
            .transpose()?;
        if values.is_some_and(|(low, high)| low.is_nan() || high.is_nan()) {
            return Err(wrong("A bound of values is no number.".to_owned()));
        }
        Ok(Self(Own {
            class,
            operation,
            code: function_code,
            unit,
            space,
            range: addresses,
            values,
            changes,
            field,
            ..Own::all_of(*protocol)
        }))
    }

    fn __repr__(&self) -> String {
        format!("<Wanted of {}>", self.0.protocol.registration().name)
    }
}

/// What the engine is to look for.
pub fn taken(wanted: Vec<Wanted>) -> PyResult<Vec<Own>> {
    let most = Limits::default().wanted;
    if wanted.len() > most {
        let count = wanted.len();
        return Err(OptionsError::new_err(format!("{count} are wanted. Give {most} at most.")));
    }
    Ok(wanted.into_iter().map(|own| own.0).collect())
}
