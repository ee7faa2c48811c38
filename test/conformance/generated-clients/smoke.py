"""A client generated from proto/ by grpcio-tools, against a running server.

    python smoke.py HOST:PORT CA CERT KEY GENERATED_FOLDER

Makes keys, signs, verifies with `cryptography`, encrypts, decrypts, asks for what is refused, and prints one JSON
object with what it saw.
"""

import json
import sys

address, ca, cert, key, generated = sys.argv[1:]
sys.path.insert(0, generated)

import grpc  # noqa: E402
from cryptography.exceptions import InvalidSignature  # noqa: E402
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: E402
from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: E402
from hsm import hsm_pb2, hsm_pb2_grpc  # noqa: E402


def read(path):
    with open(path, "rb") as file:
        return file.read()


channel = grpc.secure_channel(
    address,
    grpc.ssl_channel_credentials(root_certificates=read(ca), private_key=read(key), certificate_chain=read(cert)),
    options=[("grpc.ssl_target_name_override", "localhost")],
)
hsm = hsm_pb2_grpc.HsmServiceStub(channel)
seen = {}

for algorithm in ("Ed25519", "EcdsaP256"):
    key_id = f"python-{algorithm}"
    made = hsm.GenerateKey(hsm_pb2.GenerateKeyRequest(key_id=key_id, algorithm=algorithm), timeout=20)
    reply = hsm.Sign(hsm_pb2.SignRequest(key_id=key_id, data=b"hello"), timeout=20)
    public_key = load_pem_public_key(made.public_key.encode())
    try:
        if isinstance(public_key, ed25519.Ed25519PublicKey):
            public_key.verify(reply.signature, b"hello")
        else:
            public_key.verify(reply.signature, b"hello", ec.ECDSA(hashes.SHA256()))
        seen[algorithm] = True
    except InvalidSignature:
        seen[algorithm] = False
    verify = hsm_pb2.VerifyRequest(key_id=key_id, data=b"hallo", signature=reply.signature)
    seen[f"{algorithm} of other data"] = hsm.Verify(verify, timeout=20).valid

hsm.GenerateKey(hsm_pb2.GenerateKeyRequest(key_id="python-aes", algorithm="Aes256Gcm"), timeout=20)
plaintext = bytes(range(256)) * 4096
sealed = hsm.Encrypt(hsm_pb2.EncryptRequest(key_id="python-aes", plaintext=plaintext), timeout=20)
opened = hsm.Decrypt(hsm_pb2.DecryptRequest(key_id="python-aes", ciphertext=sealed.ciphertext), timeout=20)
seen["a mebibyte comes back"] = opened.plaintext == plaintext

try:
    hsm.Sign(hsm_pb2.SignRequest(key_id="there-is-none", data=b"x"), timeout=20)
except grpc.RpcError as error:
    trailers = dict(error.trailing_metadata())
    seen["refusal"] = [error.code().name, trailers.get("hsm-error-code"), trailers.get("hsm-error-number")]

# Many calls at once over one channel, as an application makes them.
futures = [hsm.Sign.future(hsm_pb2.SignRequest(key_id="python-Ed25519", data=b"%d" % at), timeout=20) for at in range(200)]
seen["distinct signatures"] = len({future.result().signature for future in futures})
print(json.dumps(seen))
