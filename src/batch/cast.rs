//! Casts of elements while they are copied: those between booleans, integers and floats that NumPy calls safe. The one list
//! of pairs is [`find`]; everything else knows only item sizes.

#![expect(
    clippy::inline_always,
    reason = "what is inlined is compiled for the processor that its caller is compiled for"
)]

use bytemuck::Pod;

use super::stream::{self, copy_streaming};
use super::{Out, copy_into};
use crate::format::dtype::{Class, Dtype};

/// Copies elements of `bytes` into `out`, which has room for exactly as many.
type Run = fn(out: &mut Out, bytes: &[u8]);

/// Elements of the other byte order that are swapped at a time, in bytes.
const SWAP_BUFFER: usize = 1024;

/// How elements are copied: as they are, or cast to another dtype.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cast {
    from: usize,
    to: usize,
    run: Run,
    /// Whether the stored elements have the other byte order.
    is_swapped: bool,
    /// Whether elements are copied as they are.
    is_plain: bool,
}

impl Cast {
    /// Copies elements of `item_size` bytes as they are.
    pub const fn none(item_size: usize) -> Self {
        Self { from: item_size, to: item_size, run: copy_into, is_swapped: false, is_plain: true }
    }

    /// The cast between two dtypes; `None` where a value could be lost, or one of them is not a number.
    pub fn new(from: &Dtype, to: &Dtype) -> Option<Self> {
        if from == to {
            return Some(Self::none(from.item_size()));
        }
        let (source, target) = (from.number()?, to.number()?);
        let run = if source == target { copy_into } else { find(source, target)? };
        let is_swapped = from.is_big_endian();
        let is_plain = source == target && !is_swapped;
        let cast = Self { from: from.item_size(), to: to.item_size(), run, is_swapped, is_plain };
        (!to.is_big_endian()).then_some(cast)
    }

    /// The same cast, in the way that is the fastest for a batch in `out`.
    pub fn suited_to(self, out: &Out) -> Self {
        if self.is_plain && stream::pays(out) { Self { run: copy_streaming, ..self } } else { self }
    }

    /// The size of a cast element.
    pub fn item_size(self) -> usize {
        self.to
    }

    /// The number of elements that take `bytes` bytes before the cast.
    pub fn count(self, bytes: usize) -> usize {
        bytes / self.from
    }

    /// The size of elements after the cast, if they take `bytes` bytes before; `None` where it overflows.
    pub fn size_of(self, bytes: usize) -> Option<usize> {
        if self.from == self.to { Some(bytes) } else { self.count(bytes).checked_mul(self.to) }
    }

    /// The size of elements before the cast, if they take `bytes` bytes after it.
    pub fn source_size(self, bytes: usize) -> usize {
        if self.from == self.to { bytes } else { bytes / self.to * self.from }
    }

    /// Copies whole elements into `out`, which has room for exactly as many.
    pub fn copy(self, out: &mut Out, bytes: &[u8]) {
        if !self.is_swapped {
            return (self.run)(out, bytes);
        }
        assert_eq!(Some(out.len()), self.size_of(bytes.len()));
        let mut swapped = [0; SWAP_BUFFER];
        for (bytes, out) in bytes.chunks(SWAP_BUFFER).zip(out.chunks_mut(SWAP_BUFFER / self.from * self.to)) {
            let swapped = &mut swapped[..bytes.len()];
            swapped.copy_from_slice(bytes);
            swapped.chunks_exact_mut(self.from).for_each(<[u8]>::reverse);
            (self.run)(out, swapped);
        }
    }
}

/// Copies elements, each of which `cast` converts.
#[inline(always)]
fn each<S: Pod, T: Pod>(out: &mut Out, bytes: &[u8], cast: impl Fn(S) -> T) {
    let count = bytes.len() / size_of::<S>();
    assert_eq!(out.len(), count * size_of::<T>());
    let (items, places) = (bytes.chunks_exact(size_of::<S>()), out.chunks_exact_mut(size_of::<T>()));
    for (item, place) in items.zip(places) {
        copy_into(place, bytemuck::bytes_of(&cast(bytemuck::pod_read_unaligned(item))));
    }
}

/// Copies numbers of one kind as those of another.
#[inline(always)]
fn convert<S: Number, T: Number<Value: From<S::Value>>>(out: &mut Out, bytes: &[u8]) {
    each(out, bytes, |bits| T::encode(T::Value::from(S::decode(bits))));
}

/// The same with vectors of 32 bytes: twice as fast within the caches as with the 16 that every x86-64 has.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn convert_wide<S: Number, T: Number<Value: From<S::Value>>>(out: &mut Out, bytes: &[u8]) {
    convert::<S, T>(out, bytes);
}

/// The fastest conversion on this machine.
fn conversion<S: Number, T: Number<Value: From<S::Value>>>() -> Run {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has the feature.
        return |out, bytes| unsafe { convert_wide::<S, T>(out, bytes) };
    }
    convert::<S, T>
}

/// A kind of number: how it is stored, and the primitive type that has all of its values.
trait Number {
    const KEY: (Class, usize);
    type Bits: Pod;
    type Value;
    fn decode(bits: Self::Bits) -> Self::Value;
    fn encode(value: Self::Value) -> Self::Bits;
}

macro_rules! primitives {
    ($($name:ident = $class:ident $rust:ty;)+) => {$(
        struct $name;
        impl Number for $name {
            const KEY: (Class, usize) = (Class::$class, size_of::<$rust>());
            type Bits = $rust;
            type Value = $rust;
            #[inline(always)]
            fn decode(bits: $rust) -> $rust {
                bits
            }
            #[inline(always)]
            fn encode(value: $rust) -> $rust {
                value
            }
        }
    )+};
}
primitives! {
    I8 = Int i8; I16 = Int i16; I32 = Int i32; I64 = Int i64;
    U8 = UInt u8; U16 = UInt u16; U32 = UInt u32; U64 = UInt u64;
    F32 = Float f32; F64 = Float f64;
}

/// A byte that is true unless it is 0.
struct Bool;

impl Number for Bool {
    const KEY: (Class, usize) = (Class::Bool, 1);
    type Bits = u8;
    type Value = bool;

    #[inline(always)]
    fn decode(bits: u8) -> bool {
        bits != 0
    }

    #[inline(always)]
    fn encode(value: bool) -> u8 {
        u8::from(value)
    }
}

/// IEEE 754 binary16: 5 bits of exponent, 10 of fraction.
struct F16;

impl Number for F16 {
    const KEY: (Class, usize) = (Class::Float, 2);
    type Bits = u16;
    type Value = f32;

    /// Without a branch, so that the compiler makes vectors of it, and without subnormal floats, which a process may have
    /// told the processor to flush to zero.
    #[inline(always)]
    fn decode(bits: u16) -> f32 {
        /// The difference of the two biases of exponents, 127 and 15.
        const REBIAS: u32 = 112 << 23;
        const SMALLEST_NORMAL: u32 = 113 << 23;
        let (sign, magnitude) = (u32::from(bits & 0x8000) << 16, u32::from(bits & 0x7FFF) << 13);
        let normal = magnitude + REBIAS;
        let subnormal = (f32::from_bits(magnitude + SMALLEST_NORMAL) - f32::from_bits(SMALLEST_NORMAL)).to_bits();
        let finite = if magnitude < 1 << 23 { subnormal } else { normal };
        let found = if magnitude >= 31 << 23 { normal + REBIAS } else { finite };
        f32::from_bits(sign | found)
    }

    /// Only integers of 8 bits are cast to it.
    #[inline(always)]
    fn encode(value: f32) -> u16 {
        let (sign, magnitude) = (BF16::encode(value) & 0x8000, value.abs().to_bits());
        let rebiased = if magnitude == 0 { 0 } else { magnitude - (112 << 23) };
        sign | (rebiased >> 13 & 0x7FFF) as u16
    }
}

/// The upper half of a float32.
struct BF16;

impl Number for BF16 {
    const KEY: (Class, usize) = (Class::BFloat, 2);
    type Bits = u16;
    type Value = f32;

    #[inline(always)]
    fn decode(bits: u16) -> f32 {
        f32::from_bits(u32::from(bits) << 16)
    }

    /// Only integers of 8 bits are cast to it.
    #[inline(always)]
    fn encode(value: f32) -> u16 {
        (value.to_bits() >> 16) as u16
    }
}

macro_rules! casts {
    ($($from:ident: $($to:ident)+;)+) => {
        /// The cast from one kind of number to another.
        fn find(from: (Class, usize), to: (Class, usize)) -> Option<Run> {
            $(if from == $from::KEY {
                $(if to == $to::KEY {
                    return Some(conversion::<$from, $to>());
                })+
            })+
            rounded(from, to)
        }
    };
}
// As `numpy.can_cast(..., "safe")`, and that of `ml_dtypes` for bfloat16. That no value changes, `From` proves.
casts! {
    Bool: I8 I16 I32 I64 U8 U16 U32 U64 F16 BF16 F32 F64;
    I8: I16 I32 I64 F16 BF16 F32 F64;
    I16: I32 I64 F32 F64;
    I32: I64 F64;
    U8: I16 I32 I64 U16 U32 U64 F16 BF16 F32 F64;
    U16: I32 I64 U32 U64 F32 F64;
    U32: I64 U64 F64;
    F16: F32 F64;
    BF16: F32 F64;
    F32: F64;
}

/// The casts that NumPy calls safe as well although they round integers beyond 2**53 to the nearest float64.
#[expect(clippy::cast_precision_loss, reason = "that is what they are")]
fn rounded(from: (Class, usize), to: (Class, usize)) -> Option<Run> {
    if to != F64::KEY {
        return None;
    }
    match from {
        (Class::Int, 8) => Some(|out, bytes| each(out, bytes, |value: i64| value as f64)),
        (Class::UInt, 8) => Some(|out, bytes| each(out, bytes, |value: u64| value as f64)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::super::gather::tests::collect;
    use super::*;

    fn cast(from: &str, to: &str, bytes: &[u8]) -> Vec<u8> {
        let cast = Cast::new(&Dtype::parse(from).unwrap(), &Dtype::parse(to).unwrap()).unwrap();
        collect(cast.size_of(bytes.len()).unwrap(), |out| cast.copy(out, bytes))
    }

    #[test]
    fn every_half_float_is_the_float_of_the_same_value() {
        for bits in 0..=u16::MAX {
            let found = f32::from_le_bytes(cast("float16", "float32", &bits.to_le_bytes()).try_into().unwrap());
            let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
            let magnitude = match exponent {
                0 => fraction * (-24_f64).exp2(),
                31 if fraction == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                _ => (1024.0 + fraction) * f64::from(exponent - 25).exp2(),
            };
            let expected = if bits >> 15 == 1 { -magnitude } else { magnitude };
            let is_same = f64::from(found).total_cmp(&expected) == Ordering::Equal;
            assert!(is_same || (found.is_nan() && expected.is_nan()), "{bits:#06x}");
        }
    }

    #[test]
    fn elements_of_the_other_byte_order_are_swapped_first() {
        let numbers: Vec<i16> = (0..3000).collect();
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        let expected: Vec<u8> = numbers.iter().flat_map(|&number| i64::from(number).to_le_bytes()).collect();
        assert_eq!(cast(">i2", "int64", &bytes), expected);
        let expected: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        assert_eq!(cast(">i2", "int16", &bytes), expected);
    }

    #[test]
    fn casts_that_could_change_a_value_are_refused() {
        let lossy =
            [("int16", "uint16"), ("float64", "float32"), ("int8", "bool"), ("int32", "float32"), ("i8", ">i8")];
        for (from, to) in
            lossy.into_iter().chain([("M8[s]", "int64"), ("float16", "bfloat16"), ("complex64", "float64")])
        {
            assert!(Cast::new(&Dtype::parse(from).unwrap(), &Dtype::parse(to).unwrap()).is_none(), "{from} {to}");
        }
    }
}
