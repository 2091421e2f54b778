//! What the classes of observations that come from one flow have in common.

/// Declares the Python side of a class whose record comes from a flow: the
/// flow's attributes, and its own. The record is the first part of the class,
/// the addresses of its flow are the second; a shape is the third.
macro_rules! of_flow {
    ($class:ident { $($own:tt)* }) => {
        #[::pyo3::pymethods]
        impl $class {
            #[getter]
            fn sequence(&self) -> u64 {
                self.0.sequence
            }
            #[getter]
            fn flow_id(&self) -> u64 {
                self.0.flow.id
            }
            #[getter]
            fn client_ip<'py>(&self, py: ::pyo3::Python<'py>) -> Option<::pyo3::Bound<'py, ::pyo3::types::PyString>> {
                $crate::shared::text(py, self.1.client.ip.as_ref())
            }
            #[getter]
            fn client_mac<'py>(&self, py: ::pyo3::Python<'py>) -> Option<::pyo3::Bound<'py, ::pyo3::types::PyString>> {
                $crate::shared::text(py, self.1.client.mac.as_ref())
            }
            #[getter]
            fn client_address<'py>(&self, py: ::pyo3::Python<'py>) -> Option<::pyo3::Bound<'py, ::pyo3::types::PyString>> {
                self.1.client.address(py)
            }
            #[getter]
            fn client_port(&self) -> u16 {
                self.0.flow.client.port
            }
            #[getter]
            fn server_ip<'py>(&self, py: ::pyo3::Python<'py>) -> Option<::pyo3::Bound<'py, ::pyo3::types::PyString>> {
                $crate::shared::text(py, self.1.server.ip.as_ref())
            }
            #[getter]
            fn server_mac<'py>(&self, py: ::pyo3::Python<'py>) -> Option<::pyo3::Bound<'py, ::pyo3::types::PyString>> {
                $crate::shared::text(py, self.1.server.mac.as_ref())
            }
            #[getter]
            fn server_address<'py>(&self, py: ::pyo3::Python<'py>) -> Option<::pyo3::Bound<'py, ::pyo3::types::PyString>> {
                self.1.server.address(py)
            }
            #[getter]
            fn server_port(&self) -> u16 {
                self.0.flow.server.port
            }
            #[getter]
            fn vlan(&self) -> Option<u16> {
                self.0.flow.vlan
            }
            #[getter]
            fn interface(&self) -> u32 {
                self.0.flow.interface
            }
            #[getter]
            fn transport<'py>(&self, py: ::pyo3::Python<'py>) -> ::pyo3::Bound<'py, ::pyo3::types::PyString> {
                $crate::convert::word(py, self.0.flow.transport.as_str())
            }
            #[getter]
            fn identified_by<'py>(&self, py: ::pyo3::Python<'py>) -> Option<::pyo3::Bound<'py, ::pyo3::types::PyString>> {
                self.0.flow.identified_by.map(|by| $crate::convert::word(py, by.as_str()))
            }
            #[getter]
            fn confidence(&self) -> u8 {
                self.0.flow.confidence
            }
            $($own)*
        }
    };
}

pub(crate) use of_flow;
