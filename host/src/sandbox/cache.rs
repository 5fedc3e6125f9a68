//! Compiled code on disk, so that a restart does not compile again.
//!
//! Native code is loaded without being looked at, so a file counts only if this
//! host wrote it: each carries a MAC (HMAC-SHA256) over its header and code, under
//! a key that only the host's user can read. Whatever does not verify (another
//! compiler, a flipped byte, a cut file, another key) is compiled anew and
//! replaced; it is never loaded. Losing the whole folder costs time and nothing
//! else.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{Hash, Hasher},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use wasmtime::component::Component;

use crate::message::Digest;

/// First bytes of a file; the digit is the version of this layout.
const MAGIC: &[u8; 8] = b"XDOCK-1\n";

/// Magic, component digest, engine digest.
const HEADER_BYTES: usize = 8 + 32 + 32;

/// HMAC-SHA256, at the end of a file.
const MAC_BYTES: usize = 32;

/// Bytes of the key.
const KEY_BYTES: usize = 32;

/// A folder of compiled code.
#[derive(Debug)]
pub(super) struct Cache {
    directory: PathBuf,
    key: [u8; KEY_BYTES],
}

/// Where compiled code came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compiled {
    /// From the folder; it verified.
    Loaded,
    /// Compiled now, since the folder had nothing for it.
    New,
    /// Compiled now, since what the folder had did not verify.
    Rebuilt,
}

/// Why there is no folder to keep compiled code in.
#[derive(Debug, thiserror::Error)]
#[error("the folder for compiled code {path:?} can't be used: {source}")]
pub struct CacheError {
    path: PathBuf,
    source: io::Error,
}

/// Feeds whatever an engine hashes into SHA-256.
struct EngineHasher(Sha256);

// === impl Cache ===

impl Cache {
    /// Opens the folder, making it and its key if they do not exist.
    ///
    /// # Errors
    /// When the folder or the key can't be made or read.
    pub(super) fn open(directory: &Path) -> Result<Self, CacheError> {
        let error = |source| CacheError {
            path: directory.to_owned(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(error)?;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).map_err(error)?;
        let key = key(&directory.join("key")).map_err(error)?;
        Ok(Self {
            directory: directory.to_owned(),
            key,
        })
    }

    /// The compiled form of a component: from the folder if it verifies, else
    /// compiled and kept.
    ///
    /// # Errors
    /// When the component does not compile. That it can't be kept is only logged.
    pub(super) fn component(
        &self,
        engine: &wasmtime::Engine,
        digest: Digest,
        component: &[u8],
    ) -> wasmtime::Result<(Component, Compiled)> {
        let header = header(engine, digest);
        let path = self.path(&header);
        let how = match fs::read(&path) {
            Ok(file) => match self.verify(&header, &file) {
                Some(code) => match load(engine, code) {
                    Ok(component) => return Ok((component, Compiled::Loaded)),
                    Err(error) => {
                        tracing::warn!(path = %path.display(), reason = format!("{error:#}"), "compiled code is of another engine, compiling anew");
                        Compiled::Rebuilt
                    }
                },
                None => {
                    tracing::warn!(path = %path.display(), "compiled code does not verify, compiling anew");
                    Compiled::Rebuilt
                }
            },
            Err(_) => Compiled::New,
        };
        let component = Component::new(engine, component)?;
        if let Err(error) = self.keep(&path, &header, &component.serialize()?) {
            tracing::warn!(path = %path.display(), %error, "compiled code can't be kept");
        }
        Ok((component, how))
    }

    fn path(&self, header: &[u8; HEADER_BYTES]) -> PathBuf {
        let name: String = Sha256::digest(header)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.directory.join(name + ".native")
    }

    /// The code in a file, if the file is for this header and ours.
    fn verify<'a>(&self, header: &[u8; HEADER_BYTES], file: &'a [u8]) -> Option<&'a [u8]> {
        let (signed, mac) = file.split_last_chunk::<MAC_BYTES>()?;
        self.mac(signed).verify_slice(mac).ok()?;
        let (found, code) = signed.split_first_chunk::<HEADER_BYTES>()?;
        (found == header).then_some(code)
    }

    /// Written whole under another name first, so that no reader and no crash
    /// finds half a file.
    fn keep(&self, path: &Path, header: &[u8; HEADER_BYTES], code: &[u8]) -> io::Result<()> {
        let mut signed = Vec::with_capacity(HEADER_BYTES + code.len() + MAC_BYTES);
        signed.extend_from_slice(header);
        signed.extend_from_slice(code);
        let mac = self.mac(&signed).finalize().into_bytes();
        signed.extend_from_slice(&mac);
        let (mut file, unfinished) = temporary(path)?;
        file.write_all(&signed)?;
        fs::rename(&unfinished, path).inspect_err(|_| drop(fs::remove_file(&unfinished)))
    }

    fn mac(&self, signed: &[u8]) -> Hmac<Sha256> {
        let mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.key);
        let mut mac = mac.expect("HMAC takes keys of any length");
        mac.update(signed);
        mac
    }
}

/// What a file must begin with to hold the code of this component for this engine.
fn header(engine: &wasmtime::Engine, digest: Digest) -> [u8; HEADER_BYTES] {
    let mut hasher = EngineHasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..40].copy_from_slice(digest.as_bytes());
    header[40..].copy_from_slice(&hasher.0.finalize());
    header
}

#[expect(
    unsafe_code,
    reason = "native code that this host compiled is loaded as it is; its MAC was verified over these very bytes"
)]
fn load(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `Cache::verify` gave these bytes, so they are what `Component::serialize`
    // gave `Cache::keep`; only a holder of the key could have made others.
    unsafe { Component::deserialize(engine, code) }
}

/// The key in this file; a new one if there is none, or if others can read it.
fn key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    if let Some(key) = read_key(path)? {
        return Ok(key);
    }
    let key: [u8; KEY_BYTES] = random()?;
    let (mut file, unfinished) = temporary(path)?;
    file.write_all(&key)?;
    file.sync_all()?;
    // A link fails where a rename replaces: of several hosts that start at once,
    // the first decides on the key.
    let linked = fs::hard_link(&unfinished, path);
    fs::remove_file(&unfinished)?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read_key(path)?.ok_or_else(|| io::Error::other("the key is not private"))
        }
        Err(error) => Err(error),
    }
}

/// The key in this file. A file that is too open, of another user or of another
/// length is removed: what it signed proves nothing.
fn read_key(path: &Path) -> io::Result<Option<[u8; KEY_BYTES]>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    let directory = path.parent().unwrap_or(Path::new(".")).metadata()?;
    let private = metadata.mode() & 0o077 == 0 && metadata.uid() == directory.uid();
    let mut key = [0; KEY_BYTES];
    if private && metadata.len() == KEY_BYTES as u64 {
        file.read_exact(&mut key)?;
        return Ok(Some(key));
    }
    tracing::warn!(path = %path.display(), "the key of the compiled code is not private, making a new one");
    fs::remove_file(path)?;
    Ok(None)
}

/// A new file beside `path` that only the host's user can read.
fn temporary(path: &Path) -> io::Result<(File, PathBuf)> {
    let unfinished = u64::from_le_bytes(random()?);
    let unfinished = path.with_extension(format!("{unfinished:016x}.part"));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    Ok((file, unfinished))
}

fn random<const BYTES: usize>() -> io::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

// === impl EngineHasher ===

impl Hasher for EngineHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Not asked for: the digest is taken instead.
    fn finish(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component of nothing but a custom section named `xd`.
    fn component() -> Vec<u8> {
        b"\0asm\x0d\0\x01\0\0\x03\x02xd".to_vec()
    }

    fn only_file(directory: &Path) -> PathBuf {
        let mut files = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == "native"));
        let file = files.next().unwrap();
        assert_eq!(files.next(), None);
        file
    }

    fn get(directory: &Path) -> Compiled {
        let engine = wasmtime::Engine::default();
        let bytes = component();
        let cache = Cache::open(directory).unwrap();
        let (_, how) = cache
            .component(&engine, Digest::of(&bytes), &bytes)
            .unwrap();
        how
    }

    #[test]
    fn what_was_compiled_is_loaded() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(get(directory.path()), Compiled::New);
        assert_eq!(get(directory.path()), Compiled::Loaded);
    }

    #[test]
    fn no_flipped_byte_is_loaded() {
        let directory = tempfile::tempdir().unwrap();
        get(directory.path());
        let file = only_file(directory.path());
        let good = fs::read(&file).unwrap();
        let cache = Cache::open(directory.path()).unwrap();
        let header = header(&wasmtime::Engine::default(), Digest::of(&component()));
        assert!(cache.verify(&header, &good).is_some());
        // Each byte of the header and the MAC; of the code, every hundredth.
        let ends = HEADER_BYTES..good.len() - MAC_BYTES;
        let places = (0..good.len()).filter(|at| !ends.contains(at) || at % 101 == 0);
        for place in places {
            let mut bad = good.clone();
            bad[place] ^= 1;
            assert_eq!(cache.verify(&header, &bad), None, "byte {place}");
        }
        for length in [0, 1, HEADER_BYTES, good.len() - 1] {
            assert_eq!(cache.verify(&header, &good[..length]), None);
        }
    }

    #[test]
    fn what_does_not_verify_is_rebuilt() {
        let directory = tempfile::tempdir().unwrap();
        get(directory.path());
        let file = only_file(directory.path());
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x80;
        fs::write(&file, bytes).unwrap();
        assert_eq!(get(directory.path()), Compiled::Rebuilt);
        assert_eq!(get(directory.path()), Compiled::Loaded);
    }

    #[test]
    fn another_key_signs_nothing() {
        let directory = tempfile::tempdir().unwrap();
        get(directory.path());
        fs::remove_file(directory.path().join("key")).unwrap();
        assert_eq!(get(directory.path()), Compiled::Rebuilt);
    }

    #[test]
    fn code_of_another_component_or_engine_is_not_taken() {
        let directory = tempfile::tempdir().unwrap();
        get(directory.path());
        let file = fs::read(only_file(directory.path())).unwrap();
        let cache = Cache::open(directory.path()).unwrap();
        let engine = wasmtime::Engine::default();
        let other = header(&engine, Digest::of(b"another"));
        assert_eq!(cache.verify(&other, &file), None);
        let mut settings = wasmtime::Config::new();
        settings.consume_fuel(true);
        let fuelled = wasmtime::Engine::new(&settings).unwrap();
        let digest = Digest::of(&component());
        assert_ne!(header(&fuelled, digest), header(&engine, digest));
    }

    #[test]
    fn the_key_is_private_or_replaced() {
        let directory = tempfile::tempdir().unwrap();
        get(directory.path());
        let key = directory.path().join("key");
        let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
        assert_eq!((mode(&key), mode(directory.path())), (0o600, 0o700));
        let before = fs::read(&key).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(get(directory.path()), Compiled::Rebuilt);
        assert_ne!(fs::read(&key).unwrap(), before);
    }
}
