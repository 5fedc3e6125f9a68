//! Values to JSON text, straight into bytes.
//!
//! One pass, no value in between: a field's name is written before it is known
//! whether the value will be absent, and taken back if it is. Text grows at the end
//! of one buffer only.

use serde::ser::{self, Serialize, Serializer};

use super::bytes;
use super::error::{Error, Reason};
use super::names::{self, KIND, VALUE};
use crate::decimal::{self, DIGITS_MAX};

/// What writing a value came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    /// The value stands in the text.
    Value,
    /// The value stands in the text, and is a single byte: a list of such is not
    /// written as numbers.
    Byte(u8),
    /// Nothing was written: the value is absent.
    Null,
    /// Nothing was written: the value is an empty list.
    Empty,
}

/// Writes a value where one must stand.
pub(super) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<Wrote, Error> {
    let wrote = value.serialize(Writer { out })?;
    stand(wrote, out);
    Ok(wrote)
}

/// Writes what stands for a value that wrote nothing.
fn stand(wrote: Wrote, out: &mut Vec<u8>) {
    match wrote {
        Wrote::Value | Wrote::Byte(_) => {}
        Wrote::Null => out.extend_from_slice(b"null"),
        Wrote::Empty => out.extend_from_slice(b"[]"),
    }
}

/// Which bytes can't stand in a string as they are.
const ESCAPED: [bool; 256] = {
    let mut escaped = [false; 256];
    let mut control = 0;
    while control < 0x20 {
        escaped[control] = true;
        control += 1;
    }
    escaped[b'"' as usize] = true;
    escaped[b'\\' as usize] = true;
    escaped
};

/// Writes a string with its quotes.
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    while let Some(position) = rest.iter().position(|byte| ESCAPED[usize::from(*byte)]) {
        out.extend_from_slice(&rest[..position]);
        write_escaped(rest[position], out);
        rest = &rest[position + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cold]
fn write_escaped(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        control => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(DIGITS[usize::from(control >> 4)]);
            out.push(DIGITS[usize::from(control & 15)]);
        }
    }
}

fn write_kind(case: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(KIND.as_bytes());
    out.extend_from_slice(b"\":\"");
    names::write_case(case, out);
    out.push(b'"');
}

fn write_unit_case(case: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    names::write_case(case, out);
    out.push(b'"');
}

fn write_signed(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    decimal::write_digits(out, value.unsigned_abs());
}

fn no_float<T>() -> Result<T, Error> {
    Err(Error::new(
        Reason::Unwritable,
        "the contract has no floating-point numbers",
    ))
}

/// Writes a value of any sort.
struct Writer<'w> {
    out: &'w mut Vec<u8>,
}

// === impl Writer ===

macro_rules! write_integers {
    ($($method:ident($type:ty) $as:ident $wide:ty;)*) => {
        $(fn $method(self, value: $type) -> Result<Wrote, Error> {
            $as(self.out, <$wide>::from(value));
            Ok(Wrote::Value)
        })*
    };
}

fn signed(out: &mut Vec<u8>, value: i64) {
    write_signed(value, out);
}

fn unsigned(out: &mut Vec<u8>, value: u64) {
    decimal::write_digits(out, value);
}

impl<'w> Serializer for Writer<'w> {
    type Ok = Wrote;
    type Error = Error;
    type SerializeSeq = Compound<'w>;
    type SerializeTuple = Compound<'w>;
    type SerializeTupleStruct = Compound<'w>;
    type SerializeTupleVariant = Compound<'w>;
    type SerializeMap = Compound<'w>;
    type SerializeStruct = Compound<'w>;
    type SerializeStructVariant = Compound<'w>;

    write_integers! {
        serialize_i8(i8) signed i64;
        serialize_i16(i16) signed i64;
        serialize_i32(i32) signed i64;
        serialize_i64(i64) signed i64;
        serialize_u16(u16) unsigned u64;
        serialize_u32(u32) unsigned u64;
        serialize_u64(u64) unsigned u64;
    }

    fn serialize_u8(self, value: u8) -> Result<Wrote, Error> {
        decimal::write_digits(self.out, value.into());
        Ok(Wrote::Byte(value))
    }

    fn serialize_bool(self, value: bool) -> Result<Wrote, Error> {
        self.out
            .extend_from_slice(if value { b"true" } else { b"false" });
        Ok(Wrote::Value)
    }

    fn serialize_f32(self, _: f32) -> Result<Wrote, Error> {
        no_float()
    }

    fn serialize_f64(self, _: f64) -> Result<Wrote, Error> {
        no_float()
    }

    fn serialize_char(self, value: char) -> Result<Wrote, Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<Wrote, Error> {
        write_string(value, self.out);
        Ok(Wrote::Value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Wrote, Error> {
        if value.is_empty() {
            return Ok(Wrote::Empty);
        }
        write_string(&bytes::to_text(value), self.out);
        Ok(Wrote::Value)
    }

    fn serialize_none(self) -> Result<Wrote, Error> {
        Ok(Wrote::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Wrote, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Wrote, Error> {
        Ok(Wrote::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Wrote, Error> {
        Ok(Wrote::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
    ) -> Result<Wrote, Error> {
        write_unit_case(case, self.out);
        Ok(Wrote::Value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Wrote, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        value: &T,
    ) -> Result<Wrote, Error> {
        value.serialize(Payload {
            out: self.out,
            case,
        })
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'w>, Error> {
        Ok(Compound::new(self.out, Shape::List))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'w>, Error> {
        Ok(Compound::new(self.out, Shape::Tuple))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'w>, Error> {
        Ok(Compound::new(self.out, Shape::Tuple))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        fields: usize,
    ) -> Result<Compound<'w>, Error> {
        Payload {
            out: self.out,
            case,
        }
        .serialize_tuple(fields)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'w>, Error> {
        self.out.push(b'{');
        Ok(Compound::new(self.out, Shape::Record))
    }

    fn serialize_struct(self, name: &'static str, fields: usize) -> Result<Compound<'w>, Error> {
        if names::is_decimal(name, fields) {
            self.out.push(b'"');
            return Ok(Compound::new(self.out, Shape::Decimal { digits_end: None }));
        }
        self.out.push(b'{');
        Ok(Compound::new(self.out, Shape::Record))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        _: usize,
    ) -> Result<Compound<'w>, Error> {
        write_kind(case, self.out);
        Ok(Compound::new(self.out, Shape::Case))
    }
}

/// Writes what a case carries: a record's fields beside `kind`, anything else
/// under `value`.
struct Payload<'w> {
    out: &'w mut Vec<u8>,
    case: &'static str,
}

// === impl Payload ===

impl<'w> Payload<'w> {
    fn open(self) -> &'w mut Vec<u8> {
        write_kind(self.case, self.out);
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(VALUE.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    fn scalar<T: Serialize + ?Sized>(self, value: &T) -> Result<Wrote, Error> {
        let out = self.open();
        write(value, out)?;
        out.push(b'}');
        Ok(Wrote::Value)
    }

    fn absent(self) -> Result<Wrote, Error> {
        write_unit_case(self.case, self.out);
        Ok(Wrote::Value)
    }

    fn compound(self, shape: Shape) -> Result<Compound<'w>, Error> {
        let mut compound = Compound::new(self.open(), shape);
        compound.closes_case = true;
        Ok(compound)
    }
}

macro_rules! payload_scalars {
    ($($method:ident($type:ty);)*) => {
        $(fn $method(self, value: $type) -> Result<Wrote, Error> {
            self.scalar(&value)
        })*
    };
}

impl<'w> Serializer for Payload<'w> {
    type Ok = Wrote;
    type Error = Error;
    type SerializeSeq = Compound<'w>;
    type SerializeTuple = Compound<'w>;
    type SerializeTupleStruct = Compound<'w>;
    type SerializeTupleVariant = ser::Impossible<Wrote, Error>;
    type SerializeMap = Compound<'w>;
    type SerializeStruct = Compound<'w>;
    type SerializeStructVariant = ser::Impossible<Wrote, Error>;

    payload_scalars! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Wrote, Error> {
        self.scalar(&*bytes::to_text(value))
    }

    fn serialize_none(self) -> Result<Wrote, Error> {
        self.absent()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Wrote, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Wrote, Error> {
        self.absent()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Wrote, Error> {
        self.absent()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        case: &'static str,
    ) -> Result<Wrote, Error> {
        let out = self.open();
        Writer { out: &mut *out }.serialize_unit_variant(name, index, case)?;
        out.push(b'}');
        Ok(Wrote::Value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Wrote, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        case: &'static str,
        value: &T,
    ) -> Result<Wrote, Error> {
        let out = self.open();
        value.serialize(Payload {
            out: &mut *out,
            case,
        })?;
        out.push(b'}');
        Ok(Wrote::Value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'w>, Error> {
        self.compound(Shape::List)
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'w>, Error> {
        self.compound(Shape::Tuple)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'w>, Error> {
        self.compound(Shape::Tuple)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        Err(nested_case())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'w>, Error> {
        write_kind(self.case, self.out);
        Ok(Compound::new(self.out, Shape::Case))
    }

    fn serialize_struct(self, name: &'static str, fields: usize) -> Result<Compound<'w>, Error> {
        if names::is_decimal(name, fields) {
            let mut compound = self.compound(Shape::Decimal { digits_end: None })?;
            compound.out.push(b'"');
            compound.start += 1;
            return Ok(compound);
        }
        write_kind(self.case, self.out);
        Ok(Compound::new(self.out, Shape::Case))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        Err(nested_case())
    }
}

/// The contract's cases carry at most one value, so that neither generator makes
/// Rust's own tuple or struct variants.
fn nested_case() -> Error {
    Error::new(
        Reason::Unwritable,
        "a case can't carry a case with several values",
    )
}

/// A value that has parts, begun and not yet ended.
struct Compound<'w> {
    out: &'w mut Vec<u8>,
    /// Where the value begins in the text.
    start: usize,
    shape: Shape,
    /// How many parts stand in the text.
    count: usize,
    /// Whether the object of a case ends with it.
    closes_case: bool,
}

enum Shape {
    /// Opened by its first value, since an empty one may be left out.
    List,
    /// A list whose values turned out to be bytes.
    Bytes(Vec<u8>),
    Tuple,
    /// An object, opened.
    Record,
    /// An object that is open and begins with `kind`.
    Case,
    /// The coefficient's digits stand in the text from the opening quote up to
    /// `digits_end`, the scale's after them; the end makes a number of both.
    Decimal {
        digits_end: Option<usize>,
    },
}

// === impl Compound ===

impl<'w> Compound<'w> {
    fn new(out: &'w mut Vec<u8>, shape: Shape) -> Compound<'w> {
        Compound {
            start: out.len(),
            out,
            shape,
            count: 0,
            closes_case: false,
        }
    }

    // What does not depend on the value's type stands in functions of its own, since
    // `item` and `field` are compiled once for each type.

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let saved = self.begin_item();
        match value.serialize(Writer { out: self.out }) {
            Ok(wrote) => {
                self.end_item(saved, wrote);
                Ok(())
            }
            Err(error) => Err(error.inside(self.count)),
        }
    }

    #[inline(never)]
    fn begin_item(&mut self) -> usize {
        let saved = self.out.len();
        if !matches!(self.shape, Shape::Bytes(_)) {
            self.out.push(if self.count == 0 { b'[' } else { b',' });
        }
        saved
    }

    #[inline(never)]
    fn end_item(&mut self, saved: usize, wrote: Wrote) {
        match (&mut self.shape, wrote) {
            (Shape::Bytes(bytes), wrote) => {
                if let Wrote::Byte(byte) = wrote {
                    bytes.push(byte);
                }
                self.out.truncate(saved);
            }
            (Shape::List, Wrote::Byte(byte)) => {
                self.out.truncate(self.start);
                self.shape = Shape::Bytes(vec![byte]);
            }
            (_, wrote) => stand(wrote, self.out),
        }
        self.count += 1;
    }

    #[inline(never)]
    fn name(&mut self, name: &str) -> Result<(), Error> {
        let name = names::field(name);
        if matches!(self.shape, Shape::Case) && name == KIND {
            let text = "a record with a field `kind` can't be what a case carries";
            return Err(Error::new(Reason::Unwritable, text));
        }
        if self.count > 0 || matches!(self.shape, Shape::Case) {
            self.out.push(b',');
        }
        // An identifier of Rust needs no escapes.
        self.out.reserve(name.len() + 3);
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        Ok(())
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        let saved = self.out.len();
        if !matches!(self.shape, Shape::Decimal { .. }) {
            self.name(name)?;
        }
        match value.serialize(Writer { out: self.out }) {
            Ok(wrote) => {
                self.end_field(saved, wrote);
                Ok(())
            }
            Err(error) => Err(self.outside(name, error)),
        }
    }

    #[inline(never)]
    fn end_field(&mut self, saved: usize, wrote: Wrote) {
        if let Shape::Decimal { digits_end } = &mut self.shape {
            digits_end.get_or_insert(self.out.len());
            return;
        }
        match wrote {
            Wrote::Null | Wrote::Empty => self.out.truncate(saved),
            Wrote::Value | Wrote::Byte(_) => self.count += 1,
        }
    }

    /// The error of a field's value, told for the record.
    #[cold]
    fn outside(&self, name: &str, error: Error) -> Error {
        match self.shape {
            Shape::Decimal { .. } => error,
            _ => error.inside(names::field(name)),
        }
    }

    fn finish(mut self) -> Result<Wrote, Error> {
        match &mut self.shape {
            Shape::List if self.count == 0 && !self.closes_case => return Ok(Wrote::Empty),
            Shape::List | Shape::Tuple => {
                if self.count == 0 {
                    self.out.push(b'[');
                }
                self.out.push(b']');
            }
            Shape::Bytes(bytes) => write_string(&bytes::to_text(bytes), self.out),
            Shape::Record | Shape::Case => self.out.push(b'}'),
            Shape::Decimal { digits_end } => {
                let digits_end = digits_end.unwrap_or(self.start);
                join_decimal(self.out, self.start, digits_end)?;
            }
        }
        if self.closes_case {
            self.out.push(b'}');
        }
        Ok(Wrote::Value)
    }
}

/// Makes `12.50"` of the digits of coefficient and scale that were written.
fn join_decimal(out: &mut Vec<u8>, start: usize, digits_end: usize) -> Result<(), Error> {
    let scale = out[digits_end..]
        .iter()
        .fold(0, |scale, digit| scale * 10 + u32::from(digit - b'0'));
    let sign = usize::from(out.get(start) == Some(&b'-'));
    let digits = digits_end - start - sign;
    out.truncate(digits_end);
    match u8::try_from(scale) {
        Ok(scale) if scale <= DIGITS_MAX && digits <= usize::from(DIGITS_MAX) => {
            decimal::insert_point(out, start + sign, scale);
            out.push(b'"');
            Ok(())
        }
        _ => Err(Error::new(
            Reason::Unwritable,
            "a decimal has at most 18 digits",
        )),
    }
}

impl ser::SerializeSeq for Compound<'_> {
    type Ok = Wrote;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }

    fn end(self) -> Result<Wrote, Error> {
        self.finish()
    }
}

impl ser::SerializeTuple for Compound<'_> {
    type Ok = Wrote;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }

    fn end(self) -> Result<Wrote, Error> {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Compound<'_> {
    type Ok = Wrote;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }

    fn end(self) -> Result<Wrote, Error> {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for Compound<'_> {
    type Ok = Wrote;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.item(value)
    }

    fn end(self) -> Result<Wrote, Error> {
        self.finish()
    }
}

impl ser::SerializeStruct for Compound<'_> {
    type Ok = Wrote;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.field(name, value)
    }

    fn end(self) -> Result<Wrote, Error> {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Compound<'_> {
    type Ok = Wrote;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.field(name, value)
    }

    fn end(self) -> Result<Wrote, Error> {
        self.finish()
    }
}

impl ser::SerializeMap for Compound<'_> {
    type Ok = Wrote;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        if self.count > 0 || matches!(self.shape, Shape::Case) {
            self.out.push(b',');
        }
        let start = self.out.len();
        write(key, self.out)?;
        if self.out.get(start) != Some(&b'"') {
            return Err(Error::new(
                Reason::Unwritable,
                "a map's keys must be strings",
            ));
        }
        self.out.push(b':');
        self.count += 1;
        Ok(())
    }

    /// A map's keys are data, so that an absent value is written, not left out.
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        write(value, self.out).map(|_| ())
    }

    fn end(self) -> Result<Wrote, Error> {
        self.finish()
    }
}
