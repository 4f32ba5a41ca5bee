//! Values that are mostly not there: an idle flow must not pay for them.

use std::ops::{Deref, DerefMut};

/// What a value is while it costs nothing.
pub(crate) trait Unset: Sized + 'static {
    /// That value.
    const UNSET: &'static Self;

    /// A copy of it, to be changed.
    fn unset() -> Self;
}

/// A value that costs a pointer as long as nobody changes it.
#[derive(Debug)]
pub(crate) struct Seldom<T>(Option<Box<T>>);

impl<T> Default for Seldom<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Seldom<T> {
    /// Whether it holds memory.
    pub(crate) fn is_held(&self) -> bool {
        self.0.is_some()
    }

    /// Gives its memory back; what it was is forgotten.
    pub(crate) fn release(&mut self) {
        self.0 = None;
    }
}

impl<T: Unset> Deref for Seldom<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::UNSET)
    }
}

impl<T: Unset> DerefMut for Seldom<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_with(|| Box::new(T::unset()))
    }
}
