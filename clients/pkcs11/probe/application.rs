//! The module as an application sees it: the function list, a session, keys, signatures.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt::Write as _;
use std::ptr;

use cryptoki_sys::*;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};

use crate::Wanted;

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

const RTLD_NOW: c_int = 2;

#[derive(Debug)]
pub struct Failure(pub String);

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Ecdsa,
    Rsa,
}

pub fn succeeded(function: &str, rv: CK_RV) -> Result<(), Failure> {
    if rv == CKR_OK { Ok(()) } else { Err(Failure(format!("{function}: 0x{rv:x}"))) }
}

/// Calls a function of the list, and fails with its name and return value.
macro_rules! call {
    ($list:expr, $function:ident($($argument:expr),* $(,)?)) => {{
        let function = $list.$function.ok_or_else(|| Failure(format!("no {}", stringify!($function))))?;
        // SAFETY: the arguments are live values of this frame, with their own lengths.
        succeeded(stringify!($function), unsafe { function($($argument),*) })
    }};
}

/// A loaded module. Functions of a module may be called by any thread after C_Initialize with CKF_OS_LOCKING_OK.
pub struct Application {
    pub list: &'static CK_FUNCTION_LIST,
}

impl Application {
    pub fn load(path: &str) -> Result<Application, Failure> {
        let path = CString::new(path).map_err(|_| Failure("a path has no zero byte".into()))?;
        // SAFETY: texts end with zero; a module's constructor is what was asked for.
        unsafe {
            let library = dlopen(path.as_ptr(), RTLD_NOW);
            if library.is_null() {
                return Err(Failure(CStr::from_ptr(dlerror()).to_string_lossy().into_owned()));
            }
            let symbol = dlsym(library, c"C_GetFunctionList".as_ptr());
            if symbol.is_null() {
                return Err(Failure("it is no PKCS#11 module: C_GetFunctionList is missing".into()));
            }
            let get: unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV = std::mem::transmute(symbol);
            let mut list = ptr::null_mut();
            succeeded("C_GetFunctionList", get(&mut list))?;
            Ok(Application { list: list.as_ref().ok_or_else(|| Failure("an empty function list".into()))? })
        }
    }

    pub fn initialize(&self, locking: bool) -> Result<(), Failure> {
        let flags = if locking { CKF_OS_LOCKING_OK } else { 0 };
        let mut arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags,
            pReserved: ptr::null_mut(),
        };
        call!(self.list, C_Initialize(ptr::from_mut(&mut arguments).cast()))
    }

    pub fn finalize(&self) -> Result<(), Failure> {
        call!(self.list, C_Finalize(ptr::null_mut()))
    }

    pub fn slots(&self) -> Result<Vec<CK_SLOT_ID>, Failure> {
        let mut count = 0;
        call!(self.list, C_GetSlotList(CK_TRUE, ptr::null_mut(), &mut count))?;
        let mut slots = vec![0; count as usize];
        call!(self.list, C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &mut count))?;
        slots.truncate(count as usize);
        Ok(slots)
    }

    /// A session of a slot by its place, logged in when there is a PIN and nobody was.
    pub fn open(&self, wanted: &Wanted) -> Result<CK_SESSION_HANDLE, Failure> {
        let place = wanted.number("slot", 0)? as usize;
        let slot = *self.slots()?.get(place).ok_or_else(|| Failure("there is no such slot".into()))?;
        let mut session = 0;
        call!(self.list, C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, ptr::null_mut(), None, &mut session))?;
        if let Ok(mut pin) = std::env::var("HSM_PIN") {
            // SAFETY: the login reads the PIN and writes nothing.
            let rv = unsafe { self.list.C_Login.map(|login| login(session, CKU_USER, pin.as_mut_ptr(), pin.len() as CK_ULONG)) };
            match rv {
                Some(CKR_OK | CKR_USER_ALREADY_LOGGED_IN) => {}
                rv => succeeded("C_Login", rv.unwrap_or(CKR_FUNCTION_NOT_SUPPORTED))?,
            }
        }
        Ok(session)
    }

    /// At most two objects of a class and label, which are enough to know that there is one.
    pub fn find(&self, session: CK_SESSION_HANDLE, class: CK_OBJECT_CLASS, label: &str) -> Result<CK_OBJECT_HANDLE, Failure> {
        let mut template = [number(CKA_CLASS, &class), bytes(CKA_LABEL, label.as_bytes())];
        let (mut found, mut count) = ([0; 2], 0);
        call!(self.list, C_FindObjectsInit(session, template.as_mut_ptr(), 2))?;
        let looked = call!(self.list, C_FindObjects(session, found.as_mut_ptr(), 2, &mut count));
        call!(self.list, C_FindObjectsFinal(session))?;
        looked?;
        if count == 1 { Ok(found[0]) } else { Err(Failure(format!("{count} objects have the label {label}"))) }
    }

    /// C_SignInit and C_Sign. @returns the signature's length
    pub fn sign(
        &self,
        session: CK_SESSION_HANDLE,
        key: CK_OBJECT_HANDLE,
        kind: Kind,
        data: &mut [u8],
        signature: &mut [u8; 512],
    ) -> Result<usize, Failure> {
        let mechanism = match kind {
            Kind::Ecdsa => CKM_ECDSA,
            Kind::Rsa => CKM_SHA256_RSA_PKCS,
        };
        let mut mechanism = CK_MECHANISM { mechanism, pParameter: ptr::null_mut(), ulParameterLen: 0 };
        let mut length = signature.len() as CK_ULONG;
        call!(self.list, C_SignInit(session, &mut mechanism, key))?;
        call!(self.list, C_Sign(session, data.as_mut_ptr(), data.len() as CK_ULONG, signature.as_mut_ptr(), &mut length))?;
        Ok(length as usize)
    }

    fn attribute(&self, session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE, kind: CK_ATTRIBUTE_TYPE) -> Result<Vec<u8>, Failure> {
        let mut value = vec![0; 1024];
        let mut attribute = CK_ATTRIBUTE { type_: kind, pValue: value.as_mut_ptr().cast(), ulValueLen: 1024 };
        call!(self.list, C_GetAttributeValue(session, object, &mut attribute, 1))?;
        value.truncate(attribute.ulValueLen as usize);
        Ok(value)
    }

    pub fn public(&self, session: CK_SESSION_HANDLE, kind: Kind, label: &str) -> Result<Public, Failure> {
        self.public_of(session, kind, self.find(session, CKO_PUBLIC_KEY, label)?)
    }

    pub fn public_of(&self, session: CK_SESSION_HANDLE, kind: Kind, object: CK_OBJECT_HANDLE) -> Result<Public, Failure> {
        Ok(match kind {
            // The last 65 bytes are the point, within an OCTET STRING or not.
            Kind::Ecdsa => {
                let point = self.attribute(session, object, CKA_EC_POINT)?;
                Public::Ecdsa(point[point.len().saturating_sub(65)..].to_vec())
            }
            Kind::Rsa => Public::Rsa(RsaPublicKeyComponents {
                n: self.attribute(session, object, CKA_MODULUS)?,
                e: self.attribute(session, object, CKA_PUBLIC_EXPONENT)?,
            }),
        })
    }

    /// What there is to see without a login: the library, and each slot with its token.
    pub fn information(&self) -> Result<String, Failure> {
        self.initialize(true)?;
        // SAFETY: a plain structure of numbers and bytes.
        let mut library: CK_INFO = unsafe { std::mem::zeroed() };
        call!(self.list, C_GetInfo(&mut library))?;
        let mut text =
            format!(r#"{{"library":{},"manufacturer":{},"slots":["#, json(&library.libraryDescription), json(&library.manufacturerID));
        for (index, slot) in self.slots()?.into_iter().enumerate() {
            // SAFETY: as above.
            let mut token: CK_TOKEN_INFO = unsafe { std::mem::zeroed() };
            let mut mechanisms = 0;
            call!(self.list, C_GetTokenInfo(slot, &mut token))?;
            call!(self.list, C_GetMechanismList(slot, ptr::null_mut(), &mut mechanisms))?;
            let comma = if index == 0 { "" } else { "," };
            let (label, model, flags) = (json(&token.label), json(&token.model), token.flags);
            let _ = write!(text, r#"{comma}{{"slot":{slot},"label":{label},"model":{model},"flags":{flags},"mechanisms":{mechanisms}}}"#);
        }
        self.finalize()?;
        Ok(text + "]}")
    }

    /// Tries the PIN.
    pub fn log_in(&self, wanted: &Wanted) -> Result<String, Failure> {
        self.initialize(true)?;
        self.open(wanted)?;
        self.finalize()?;
        Ok("{}".into())
    }

    /// A key pair of the token, for a module that a bench compares with.
    pub fn make(&self, wanted: &Wanted) -> Result<String, Failure> {
        self.initialize(true)?;
        let session = self.open(wanted)?;
        let label = wanted.text("label")?.as_bytes();
        let (yes, bits) = (CK_TRUE, 2048 as CK_ULONG);
        // P-256's object identifier, and 65537.
        let (curve, exponent) = ([6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], [1, 0, 1]);
        let mut private = [number(CKA_TOKEN, &yes), number(CKA_SIGN, &yes), number(CKA_SENSITIVE, &yes), bytes(CKA_LABEL, label)];
        let mut public = vec![number(CKA_TOKEN, &yes), number(CKA_VERIFY, &yes), bytes(CKA_LABEL, label)];
        let kind = match wanted.kind()? {
            Kind::Ecdsa => {
                public.push(bytes(CKA_EC_PARAMS, &curve));
                CKM_EC_KEY_PAIR_GEN
            }
            Kind::Rsa => {
                public.extend([number(CKA_MODULUS_BITS, &bits), bytes(CKA_PUBLIC_EXPONENT, &exponent)]);
                CKM_RSA_PKCS_KEY_PAIR_GEN
            }
        };
        let mut mechanism = CK_MECHANISM { mechanism: kind, pParameter: ptr::null_mut(), ulParameterLen: 0 };
        let (mut made, mut made_private) = (0, 0);
        call!(
            self.list,
            C_GenerateKeyPair(
                session,
                &mut mechanism,
                public.as_mut_ptr(),
                public.len() as CK_ULONG,
                private.as_mut_ptr(),
                private.len() as CK_ULONG,
                &mut made,
                &mut made_private,
            )
        )?;
        self.finalize()?;
        Ok("{}".into())
    }
}

/// A public key as ring takes it: other code than the module's.
pub enum Public {
    Ecdsa(Vec<u8>),
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
}

impl Public {
    /// Whether the signature is one of the message, whose SHA-256 was signed.
    pub fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Public::Ecdsa(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok(),
            Public::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok(),
        }
    }
}

fn number<T>(kind: CK_ATTRIBUTE_TYPE, value: &T) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_: kind, pValue: ptr::from_ref(value).cast_mut().cast(), ulValueLen: size_of::<T>() as CK_ULONG }
}

fn bytes(kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_: kind, pValue: value.as_ptr().cast_mut().cast(), ulValueLen: value.len() as CK_ULONG }
}

/// Text of a structure of the specification, which blanks fill up, as JSON.
fn json(text: &[u8]) -> String {
    let mut quoted = String::from("\"");
    for character in String::from_utf8_lossy(text).trim_end_matches(['\0', ' ']).chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.push(' '),
            other => quoted.push(other),
        }
    }
    quoted + "\""
}
