// A witness for transparency logs, with the packages behind Go's checksum database: it cosigns a checkpoint when it proves to
// continue the last one it saw.
//
//	witness LOG-VERIFIER-KEY [SIZE]
//
// Listens on a loopback port of the system's choice and prints, on one line each, its address and its verifier key. With SIZE
// it says that it has seen so many events, whatever it is told.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const name = "witness.example/w1"

func main() {
	log, err := note.NewVerifier(os.Args[1])
	check(err)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	typed := append([]byte{4}, public...)
	id := sha256.Sum256(append([]byte(name+"\n"), typed...))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Printf("http://%s\n%s+%s+%s\n", listener.Addr(), name, hex.EncodeToString(id[:4]), base64.StdEncoding.EncodeToString(typed))

	var size int64
	var root tlog.Hash
	stubborn := len(os.Args) > 2
	if stubborn {
		size, err = strconv.ParseInt(os.Args[2], 10, 64)
		check(err)
	}
	// One request at a time: looking and remembering are one step.
	one := make(chan struct{}, 1)
	http.HandleFunc("POST /add-checkpoint", func(w http.ResponseWriter, r *http.Request) {
		one <- struct{}{}
		defer func() { <-one }()
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		head, signed, found := bytes.Cut(body, []byte("\n\n"))
		lines := strings.Split(string(head), "\n")
		old, err2 := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
		if err != nil || err2 != nil || !found || !strings.HasPrefix(lines[0], "old ") || len(lines) > 64 {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		opened, err := note.Open(signed, note.VerifierList(log))
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		text := strings.Split(opened.Text, "\n")
		newSize, err := strconv.ParseInt(text[1], 10, 64)
		newRoot, err2 := tlog.ParseHash(text[2])
		if text[0] != log.Name() || err != nil || err2 != nil || old > newSize {
			http.Error(w, "bad checkpoint", http.StatusBadRequest)
			return
		}
		if stubborn || old != size || (old == newSize && root != newRoot) {
			w.Header().Set("Content-Type", "text/x.tlog.size")
			w.WriteHeader(http.StatusConflict)
			fmt.Fprintf(w, "%d\n", size)
			return
		}
		var proof tlog.TreeProof
		for _, line := range lines[1:] {
			hash, err := tlog.ParseHash(line)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			proof = append(proof, hash)
		}
		if old > 0 && old < newSize {
			err = tlog.CheckTree(proof, newSize, newRoot, old, root)
		} else if len(proof) > 0 {
			err = fmt.Errorf("a proof of nothing")
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		size, root = newSize, newRoot
		now := uint64(time.Now().Unix())
		signature := binary.BigEndian.AppendUint64(bytes.Clone(id[:4]), now)
		signature = append(signature, ed25519.Sign(private, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", now, opened.Text))...)
		fmt.Fprintf(w, "— %s %s\n", name, base64.StdEncoding.EncodeToString(signature))
	})
	check(http.Serve(listener, nil))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
