// A witness for transparency logs that others wrote and publish: transparency-dev/witness, the one of the public witness network,
// with its state in memory.
//
//	published-witness LOG-VERIFIER-KEY
//
// Listens on a loopback port of the system's choice and prints, on one line each, its address and its verifier key.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"

	formats "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

const name = "witness.example/published"

func main() {
	log, err := note.NewVerifier(os.Args[1])
	check(err)
	private, public, err := note.GenerateKey(rand.Reader, name)
	check(err)
	signer, err := formats.NewSignerForCosignatureV1(private)
	check(err)
	key, err := formats.VKeyToCosignatureV1(public)
	check(err)
	w, err := witness.New(context.Background(), witness.Opts{
		Persistence: inmemory.New(),
		Signers:     []note.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			return log, origin == log.Name(), nil
		},
	})
	check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Printf("http://%s\n%s\n", listener.Addr(), key)
	http.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	check(http.Serve(listener, nil))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
