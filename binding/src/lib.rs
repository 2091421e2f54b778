//! The module `otmon._engine`: the list of what Python sees.
