// Judges a tiled transparency log with the packages behind Go's checksum database, which share nothing with this project.
//
//	judge FOLDER VERIFIER-KEY
//
// FOLDER holds `checkpoint` and tiles under `tile/` as C2SP tlog-tiles names them. Every entry's inclusion and the
// consistency with every older size that is asked for on standard input (one size a line) are proven from the tiles, which
// are themselves checked against the signed root. Prints the proofs as JSON, and a note of the judge's own.
package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type folderTiles struct{ folder string }

func (folderTiles) Height() int                     { return 8 }
func (folderTiles) SaveTiles([]tlog.Tile, [][]byte) {}

// The path without the height, which tlog-tiles leaves out.
func pathOf(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
}

func (t folderTiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		bytes, err := os.ReadFile(filepath.Join(t.folder, pathOf(tile)))
		if err != nil {
			return nil, err
		}
		data[i] = bytes
	}
	return data, nil
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	folder, key := os.Args[1], os.Args[2]
	verifier, err := note.NewVerifier(key)
	check(err)
	signed, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	check(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	tree := tlog.Tree{N: size, Hash: root}
	reader := tlog.TileHashReader(tree, folderTiles{folder})

	inclusion := make([]tlog.RecordProof, size)
	for index := int64(0); index < size; index++ {
		entry := entryAt(folder, index, size)
		inclusion[index], err = tlog.ProveRecord(size, index, reader)
		check(err)
		check(tlog.CheckRecord(inclusion[index], size, root, index, tlog.RecordHash(entry)))
	}
	consistency := map[string]tlog.TreeProof{}
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		old, err := strconv.ParseInt(input.Text(), 10, 64)
		check(err)
		oldRoot, err := tlog.TreeHash(old, reader)
		check(err)
		proof, err := tlog.ProveTree(size, old, reader)
		check(err)
		check(tlog.CheckTree(proof, size, root, old, oldRoot))
		consistency[input.Text()] = proof
	}

	_, private, err := ed25519.GenerateKey(rand.Reader)
	check(err)
	own, err := note.NewEd25519VerifierKey("judge.example", private.Public().(ed25519.PublicKey))
	check(err)
	signer, err := note.NewSigner("PRIVATE+KEY+judge.example+" + strings.Split(own, "+")[1] + "+" + encode(append([]byte{1}, private.Seed()...)))
	check(err)
	countersigned, err := note.Sign(&note.Note{Text: opened.Text, Sigs: opened.Sigs}, signer)
	check(err)
	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"size": size, "inclusion": inclusion, "consistency": consistency, "key": own, "note": string(countersigned),
	}))
}

// The entry out of its bundle: entries with their lengths in two bytes before them.
func entryAt(folder string, index, size int64) []byte {
	tile := tlog.Tile{H: 8, L: 0, N: index / 256, W: int(min(256, size-index/256*256))}
	path := strings.Replace(pathOf(tile), "tile/0/", "tile/entries/", 1)
	bundle, err := os.ReadFile(filepath.Join(folder, path))
	check(err)
	for skip := index % 256; ; skip-- {
		length := binary.BigEndian.Uint16(bundle)
		if skip == 0 {
			return bundle[2 : 2+length]
		}
		bundle = bundle[2+length:]
	}
}

func encode(bytes []byte) string {
	text, err := json.Marshal(bytes)
	check(err)
	return strings.Trim(string(text), `"`)
}
