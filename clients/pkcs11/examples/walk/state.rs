//! A module that was initialised, its keys, and operations that can be begun.
//!
//! The server has `p256` (ECDSA on P-256), `gcm` (AES-256-GCM), `wraps` (AES-256, for wrapping), `leaves` (an AES key that may be
//! wrapped), `kem` (ML-KEM-768) and `base` (a generic secret).

use std::cell::RefCell;
use std::ffi::CString;
use std::ptr;

use cryptoki_sys::*;

use crate::library::Library;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Find,
    Digest,
    Sign,
    Verify,
    Encrypt,
    Decrypt,
    VerifySignature,
    MessageEncrypt,
    MessageDecrypt,
    MessageSign,
    MessageVerify,
}

impl Operation {
    pub const ALL: &[Operation] = &[
        Operation::Find,
        Operation::Digest,
        Operation::Sign,
        Operation::Verify,
        Operation::Encrypt,
        Operation::Decrypt,
        Operation::VerifySignature,
        Operation::MessageEncrypt,
        Operation::MessageDecrypt,
        Operation::MessageSign,
        Operation::MessageVerify,
    ];

    /// Whether it goes on until its own end, whatever becomes of its messages.
    pub fn is_of_messages(self) -> bool {
        matches!(self, Operation::MessageEncrypt | Operation::MessageDecrypt | Operation::MessageSign | Operation::MessageVerify)
    }

    /// The states to walk a function through: nothing active, what it needs, what it does not need, everything.
    pub fn sets(needs: Option<Operation>) -> Vec<Vec<Operation>> {
        let mut sets = vec![vec![], vec![Operation::Digest], vec![Operation::Find, Operation::Digest, Operation::Sign, Operation::Verify]];
        if let Some(needed) = needs {
            sets.push(vec![needed]);
        }
        sets
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Private,
    Public,
    Secret,
    Wraps,
    Leaves,
    Encapsulates,
    Decapsulates,
    Derives,
    /// An object that may be destroyed: made for the call.
    Fresh,
}

impl Role {
    /// One that a function for this role must not take.
    pub fn other(self) -> Role {
        match self {
            Role::Public | Role::Encapsulates => Role::Secret,
            _ => Role::Public,
        }
    }
}

pub struct State<'a> {
    pub library: &'a Library,
    pub slot: CK_SLOT_ID,
    keys: [CK_OBJECT_HANDLE; 8],
    signature: Vec<u8>,
    ciphertext: RefCell<Option<Vec<u8>>>,
    nonce: Box<[u8; 12]>,
    gcm: Box<CK_GCM_PARAMS>,
    hkdf: Box<CK_HKDF_PARAMS>,
}

/// What the server has, in the order of the roles.
const NAMED: [(&str, CK_OBJECT_CLASS); 8] = [
    ("p256", CKO_PRIVATE_KEY),
    ("p256", CKO_PUBLIC_KEY),
    ("gcm", CKO_SECRET_KEY),
    ("wraps", CKO_SECRET_KEY),
    ("leaves", CKO_SECRET_KEY),
    ("kem", CKO_PUBLIC_KEY),
    ("kem", CKO_PRIVATE_KEY),
    ("base", CKO_SECRET_KEY),
];

pub const DATA: [u8; 32] = [7; 32];

impl<'a> State<'a> {
    pub fn begin(library: &'a Library, config: &str) -> State<'a> {
        let text = CString::new(config).expect("a path");
        let args = CK_C_INITIALIZE_ARGS { flags: CKF_OS_LOCKING_OK, pReserved: text.as_ptr().cast_mut().cast(), ..Default::default() };
        assert_eq!(library.call("C_Initialize", &[ptr::from_ref(&args) as usize]), CKR_OK, "C_Initialize");
        let mut nonce = Box::new([9; 12]);
        let gcm = Box::new(CK_GCM_PARAMS {
            pIv: nonce.as_mut_ptr(),
            ulIvLen: 12,
            ulIvBits: 96,
            pAAD: ptr::null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        });
        let hkdf = Box::new(CK_HKDF_PARAMS {
            bExtract: CK_TRUE,
            bExpand: CK_TRUE,
            prfHashMechanism: CKM_SHA256,
            ulSaltType: CKF_HKDF_SALT_NULL,
            ..Default::default()
        });
        let mut state = State { library, slot: 0, keys: [0; 8], signature: vec![], ciphertext: RefCell::new(None), nonce, gcm, hkdf };
        let session = state.session();
        for (place, (label, class)) in NAMED.into_iter().enumerate() {
            state.keys[place] = state.find(session, label, class);
        }
        assert_eq!(state.begin_operation(Operation::Sign, session), CKR_OK);
        state.signature = state.output("C_Sign", session);
        if state.can(Operation::Encrypt) && state.begin_operation(Operation::Encrypt, session) == CKR_OK {
            *state.ciphertext.borrow_mut() = Some(state.output("C_Encrypt", session));
        }
        state.close(session);
        state
    }

    pub fn end(self) {
        assert_eq!(self.library.call("C_Finalize", &[0]), CKR_OK, "C_Finalize");
    }

    fn output(&self, function: &str, session: CK_SESSION_HANDLE) -> Vec<u8> {
        let mut bytes = vec![0u8; 1024];
        let mut length = bytes.len() as CK_ULONG;
        let words =
            [session as usize, DATA.as_ptr() as usize, DATA.len(), bytes.as_mut_ptr() as usize, ptr::from_mut(&mut length) as usize];
        assert_eq!(self.library.call(function, &words), CKR_OK, "{function}");
        bytes.truncate(length as usize);
        bytes
    }

    pub fn session(&self) -> CK_SESSION_HANDLE {
        let mut handle: CK_SESSION_HANDLE = 0;
        let flags = (CKF_SERIAL_SESSION | CKF_RW_SESSION) as usize;
        let answer = self.library.call("C_OpenSession", &[self.slot as usize, flags, 0, 0, ptr::from_mut(&mut handle) as usize]);
        assert_eq!(answer, CKR_OK, "C_OpenSession");
        handle
    }

    pub fn close(&self, session: CK_SESSION_HANDLE) {
        self.library.call("C_CloseSession", &[session as usize]);
    }

    fn find(&self, session: CK_SESSION_HANDLE, label: &str, class: CK_OBJECT_CLASS) -> CK_OBJECT_HANDLE {
        let class = class.to_ne_bytes();
        let attribute =
            |kind, bytes: &[u8]| CK_ATTRIBUTE { type_: kind, pValue: bytes.as_ptr() as *mut _, ulValueLen: bytes.len() as CK_ULONG };
        let template = [attribute(CKA_LABEL, label.as_bytes()), attribute(CKA_CLASS, &class)];
        let (mut handle, mut count): (CK_OBJECT_HANDLE, CK_ULONG) = (0, 0);
        assert_eq!(self.library.call("C_FindObjectsInit", &[session as usize, template.as_ptr() as usize, 2]), CKR_OK);
        let words = [session as usize, ptr::from_mut(&mut handle) as usize, 1, ptr::from_mut(&mut count) as usize];
        assert_eq!(self.library.call("C_FindObjects", &words), CKR_OK);
        assert_eq!(self.library.call("C_FindObjectsFinal", &[session as usize]), CKR_OK);
        assert_eq!(count, 1, "{label}");
        handle
    }

    /// Every key, what is no key, and what is no handle.
    pub fn all_keys(&self) -> Vec<CK_OBJECT_HANDLE> {
        [&self.keys[..], &[0, 0x00de_fec8]].concat()
    }

    pub fn key(&self, role: Role) -> CK_OBJECT_HANDLE {
        match role {
            Role::Private => self.keys[0],
            Role::Public => self.keys[1],
            Role::Secret => self.keys[2],
            Role::Wraps => self.keys[3],
            Role::Leaves => self.keys[4],
            Role::Encapsulates => self.keys[5],
            Role::Decapsulates => self.keys[6],
            Role::Derives => self.keys[7],
            Role::Fresh => self.fresh(),
        }
    }

    fn fresh(&self) -> CK_OBJECT_HANDLE {
        let session = self.session();
        let (truth, length) = ([CK_TRUE], 32 as CK_ULONG);
        let template = [
            CK_ATTRIBUTE { type_: CKA_TOKEN, pValue: truth.as_ptr() as *mut _, ulValueLen: 1 },
            CK_ATTRIBUTE { type_: CKA_VALUE_LEN, pValue: ptr::from_ref(&length) as *mut _, ulValueLen: size_of::<CK_ULONG>() as CK_ULONG },
        ];
        let mechanism = self.mechanism(CKM_GENERIC_SECRET_KEY_GEN);
        let mut handle: CK_OBJECT_HANDLE = 0;
        let words =
            [session as usize, ptr::from_ref(&mechanism) as usize, template.as_ptr() as usize, 2, ptr::from_mut(&mut handle) as usize];
        assert_eq!(self.library.call("C_GenerateKey", &words), CKR_OK, "C_GenerateKey");
        self.close(session);
        handle
    }

    /// With a parameter that is right.
    pub fn mechanism(&self, kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
        debug_assert_eq!(self.gcm.pIv.cast_const(), self.nonce.as_ptr());
        match kind {
            CKM_AES_GCM => {
                let parameter = ptr::from_ref(&*self.gcm) as *mut _;
                CK_MECHANISM { mechanism: kind, pParameter: parameter, ulParameterLen: size_of::<CK_GCM_PARAMS>() as CK_ULONG }
            }
            CKM_HKDF_DERIVE => {
                let parameter = ptr::from_ref(&*self.hkdf) as *mut _;
                CK_MECHANISM { mechanism: kind, pParameter: parameter, ulParameterLen: size_of::<CK_HKDF_PARAMS>() as CK_ULONG }
            }
            _ => CK_MECHANISM { mechanism: kind, pParameter: ptr::null_mut(), ulParameterLen: 0 },
        }
    }

    /// Whether the module has the operation, as its own list of mechanisms says.
    pub fn can(&self, operation: Operation) -> bool {
        let mut info = CK_MECHANISM_INFO { ulMinKeySize: 0, ulMaxKeySize: 0, flags: 0 };
        let flag = match operation {
            Operation::Encrypt => CKF_ENCRYPT,
            Operation::Decrypt => CKF_DECRYPT,
            _ => return true,
        };
        let words = [self.slot as usize, CKM_AES_GCM as usize, ptr::from_mut(&mut info) as usize];
        self.library.call("C_GetMechanismInfo", &words) == CKR_OK && info.flags & flag != 0
    }

    pub fn begin_operation(&self, operation: Operation, session: CK_SESSION_HANDLE) -> CK_RV {
        let session = session as usize;
        let begin = |function: &str, kind, key| {
            let mechanism = self.mechanism(kind);
            self.library.call(function, &[session, ptr::from_ref(&mechanism) as usize, key as usize])
        };
        match operation {
            Operation::Find => self.library.call("C_FindObjectsInit", &[session, 0, 0]),
            Operation::Digest => begin("C_DigestInit", CKM_SHA256, 0),
            Operation::Sign => begin("C_SignInit", CKM_ECDSA_SHA256, self.keys[0]),
            Operation::Verify => begin("C_VerifyInit", CKM_ECDSA_SHA256, self.keys[1]),
            Operation::Encrypt => begin("C_EncryptInit", CKM_AES_GCM, self.keys[2]),
            Operation::Decrypt => begin("C_DecryptInit", CKM_AES_GCM, self.keys[2]),
            Operation::MessageEncrypt => begin("C_MessageEncryptInit", CKM_AES_GCM, self.keys[2]),
            Operation::MessageDecrypt => begin("C_MessageDecryptInit", CKM_AES_GCM, self.keys[2]),
            Operation::MessageSign => begin("C_MessageSignInit", CKM_ECDSA_SHA256, self.keys[0]),
            Operation::MessageVerify => begin("C_MessageVerifyInit", CKM_ECDSA_SHA256, self.keys[1]),
            Operation::VerifySignature => {
                let mechanism = self.mechanism(CKM_ECDSA_SHA256);
                let signature = [self.signature.as_ptr() as usize, self.signature.len()];
                let words = [session, ptr::from_ref(&mechanism) as usize, self.keys[1] as usize, signature[0], signature[1]];
                self.library.call("C_VerifySignatureInit", &words)
            }
        }
    }

    /// What an operation is given to be right: a signature of DATA, a ciphertext.
    pub fn made(&self, operation: Operation) -> Vec<u8> {
        match operation {
            Operation::Decrypt => self.ciphertext.borrow().clone().expect("a ciphertext"),
            _ => self.signature.clone(),
        }
    }
}
