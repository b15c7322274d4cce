//! The fields of a protocol-buffer message, one after the other, borrowed from its bytes.

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Fixed32([u8; 4]),
    Fixed64,
    /// A string, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
}

/// A field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    pub(super) value: Value<'a>,
    /// The field with its key, to be copied.
    pub(super) whole: &'a [u8],
}

impl<'a> Field<'a> {
    /// The bytes of a string, a message or bytes.
    pub(super) fn bytes(&self) -> Result<&'a [u8], String> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(damaged()),
        }
    }

    pub(super) fn text(&self) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes()?).map_err(|_| damaged())
    }

    pub(super) fn number(&self) -> Result<u64, String> {
        match self.value {
            Value::Number(number) => Ok(number),
            _ => Err(damaged()),
        }
    }

    /// Calls `each` with the numbers of a repeated field, packed or not.
    pub(super) fn for_each_number(&self, mut each: impl FnMut(u64)) -> Result<(), String> {
        match self.value {
            Value::Number(number) => each(number),
            Value::Bytes(mut packed) => {
                while !packed.is_empty() {
                    each(varint(&mut packed)?);
                }
            }
            _ => return Err(damaged()),
        }
        Ok(())
    }
}

/// The fields of a message.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Result<Field<'_>, String>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = next(&mut rest);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

fn next<'a>(rest: &mut &'a [u8]) -> Result<Field<'a>, String> {
    let start = *rest;
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => Value::Number(varint(rest)?),
        1 => {
            take(rest, 8)?;
            Value::Fixed64
        }
        2 => {
            let len = usize::try_from(varint(rest)?).map_err(|_| damaged())?;
            Value::Bytes(take(rest, len)?)
        }
        5 => Value::Fixed32(take(rest, 4)?.try_into().map_err(|_| damaged())?),
        _ => return Err(damaged()),
    };
    let len = start.len().saturating_sub(rest.len());
    Ok(Field {
        number: key >> 3,
        value,
        whole: start.get(..len).unwrap_or_default(),
    })
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Result<&'a [u8], String> {
    let (taken, left) = rest.split_at_checked(len).ok_or_else(damaged)?;
    *rest = left;
    Ok(taken)
}

/// A number in base 128, its lowest seven bits first.
pub(super) fn varint(rest: &mut &[u8]) -> Result<u64, String> {
    let mut number = 0_u64;
    for place in 0..10 {
        let &[byte] = take(rest, 1)? else {
            return Err(damaged());
        };
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(damaged())
}

/// Appends a field of bytes to a message.
pub(super) fn push_bytes(message: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    push_varint(message, number << 3 | 2);
    push_varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn push_varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

fn damaged() -> String {
    "it is no ONNX graph, or damaged".to_owned()
}
