// A client generated from proto/ by protoc-gen-go and protoc-gen-connect-go, against a running server.
//
//	smoke https://HOST:PORT CA CERT KEY
//
// It speaks Connect, gRPC and gRPC-Web in turn, verifies what was signed with Go's own Ed25519, and prints one JSON
// object with what it saw.
package main

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"
	"example.test/smoke/gen/hsm"
	"example.test/smoke/gen/hsm/hsmconnect"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	address, caFile, certFile, keyFile := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(must(os.ReadFile(caFile)))
	certificate := must(tls.LoadX509KeyPair(certFile, keyFile))
	web := &http.Client{
		Timeout: 20 * time.Second,
		Transport: &http.Transport{
			ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{
				RootCAs: authorities, Certificates: []tls.Certificate{certificate}, ServerName: "localhost", MinVersion: tls.VersionTLS13,
			},
		},
	}
	ctx := context.Background()
	seen := map[string]any{}
	for name, options := range map[string][]connect.ClientOption{
		"connect": {}, "grpc": {connect.WithGRPC()}, "grpc-web": {connect.WithGRPCWeb()},
	} {
		client := hsmconnect.NewHsmServiceClient(web, address, options...)
		keyID := "go-" + name
		made := must(client.GenerateKey(ctx, connect.NewRequest(&hsm.GenerateKeyRequest{KeyId: keyID, Algorithm: hsm.Algorithm_Ed25519})))
		block, _ := pem.Decode([]byte(made.Msg.PublicKey))
		publicKey := must(x509.ParsePKIXPublicKey(block.Bytes)).(ed25519.PublicKey)
		signed := must(client.Sign(ctx, connect.NewRequest(&hsm.SignRequest{KeyId: keyID, Data: []byte("hello")})))
		_, err := client.Sign(ctx, connect.NewRequest(&hsm.SignRequest{KeyId: "there-is-none", Data: []byte("x")}))
		var refusal *connect.Error
		if !errors.As(err, &refusal) {
			refusal = connect.NewError(connect.CodeUnknown, errors.New("not refused"))
		}
		seen[name] = []any{ed25519.Verify(publicKey, []byte("hello"), signed.Msg.Signature), refusal.Code().String()}
	}
	text := must(json.Marshal(seen))
	fmt.Println(string(text))
}
