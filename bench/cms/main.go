//go:build linux

// The program cms measures package cms against the openssl program: encryption and
// decryption of one large file, each run a process of its own, in turn. It prints
// the ratio ours/openssl of the medians of wall and CPU time, and our largest
// resident memory, and exits with 1 if a bar is missed:
//
//	go run ./bench/cms [-size BYTES] [-rounds N] [-dir DIR]
package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"knutepunkt/cms"
)

const (
	maxRatio  = 1.0      // of wall and of CPU time
	maxMemory = 64 << 20 // bytes
)

func main() {
	log.SetFlags(0)
	var size int64
	var rounds int
	var dir, child string
	flag.Int64Var(&size, "size", 1<<30, "size of the file in bytes")
	flag.IntVar(&rounds, "rounds", 5, "runs of each program")
	flag.StringVar(&dir, "dir", os.TempDir(), "where the files are made; needs four times the size")
	flag.StringVar(&child, "child", "", "encrypt or decrypt the files given as arguments; used by the program itself")
	flag.Parse()
	if child != "" {
		if err := runChild(child, flag.Args()); err != nil {
			log.Fatal(err)
		}
		return
	}
	dir, err := os.MkdirTemp(dir, "bench-cms-")
	if err != nil {
		log.Fatal(err)
	}
	ok, err := bench(dir, size, max(rounds, 3))
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
	if !ok {
		log.Fatal("a bar is missed")
	}
}

// runChild is what is measured: args are input, output, and a certificate or key.
func runChild(direction string, args []string) error {
	in, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(args[1])
	if err != nil {
		return err
	}
	defer out.Close()
	file, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	block, _ := pem.Decode(file)
	switch direction {
	case "encrypt":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		w, err := cms.NewWriter(out, cert)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, in)
		return errors.Join(err, w.Close(), out.Close())
	case "decrypt":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return err
		}
		r, err := cms.NewReader(in, cms.Key{Private: key.(*rsa.PrivateKey)})
		if err != nil {
			return err
		}
		_, err = io.Copy(out, r)
		return errors.Join(err, out.Close())
	}
	return fmt.Errorf("unknown direction %q", direction)
}

// run is what one process took.
type run struct {
	wall, cpu time.Duration
	memory    int64 // bytes
}

func measure(output, program string, args ...string) (run, error) {
	// Without this, overwriting would free the pages of the run before.
	if err := os.Remove(output); err != nil && !os.IsNotExist(err) {
		return run{}, err
	}
	command := exec.Command(program, args...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	start := time.Now()
	err := command.Run()
	wall := time.Since(start)
	if err != nil {
		return run{}, fmt.Errorf("%s: %w\n%s", program, err, stderr.Bytes())
	}
	usage := command.ProcessState.SysUsage().(*syscall.Rusage)
	return run{wall, command.ProcessState.UserTime() + command.ProcessState.SystemTime(), usage.Maxrss << 10}, nil
}

func bench(dir string, size int64, rounds int) (ok bool, err error) {
	name := func(n string) string { return filepath.Join(dir, n) }
	plain, cert, key := name("plain"), name("cert.pem"), name("key.pem")
	if err := writeKeys(cert, key); err != nil {
		return false, err
	}
	if err := writePlain(plain, size); err != nil {
		return false, err
	}
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	type contender struct {
		output  string
		program string
		args    []string
	}
	ours, theirs := name("ours"), name("openssl")
	directions := []struct {
		name         string
		ours, theirs contender
	}{
		{"encrypt",
			contender{ours, self, []string{"-child", "encrypt", plain, ours, cert}},
			contender{theirs, "openssl", []string{"cms", "-encrypt", "-stream", "-binary", "-aes-256-cbc", "-outform", "DER", "-in", plain, "-out", theirs,
				"-recip", cert, "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha256"}}},
		{"decrypt", // the same message, ours: that is the shape that circulates
			contender{name("plain.ours"), self, []string{"-child", "decrypt", ours, name("plain.ours"), key}},
			contender{name("plain.openssl"), "openssl", []string{"cms", "-decrypt", "-stream", "-binary", "-inform", "DER", "-in", ours, "-out", name("plain.openssl"),
				"-inkey", key, "-recip", cert}}},
	}
	fmt.Printf("file of %d MiB, %d rounds, medians\n", size>>20, rounds)
	ok = true
	for _, d := range directions {
		var a, b []run
		for range rounds {
			r, err := measure(d.ours.output, d.ours.program, d.ours.args...)
			if err != nil {
				return false, err
			}
			a = append(a, r)
			if r, err = measure(d.theirs.output, d.theirs.program, d.theirs.args...); err != nil {
				return false, err
			}
			b = append(b, r)
			if d.name == "decrypt" {
				if err := sameFiles(plain, d.ours.output, d.theirs.output); err != nil {
					return false, err
				}
			}
		}
		m, n := median(a), median(b)
		wall, cpu := ratio(m.wall, n.wall), ratio(m.cpu, n.cpu)
		memory := slices.MaxFunc(a, func(x, y run) int { return cmp.Compare(x.memory, y.memory) }).memory
		fine := wall <= maxRatio && cpu <= maxRatio && memory < maxMemory
		ok = ok && fine
		fmt.Printf("%s: ours/openssl wall %.2f (%.2f s / %.2f s), CPU %.2f (%.2f s / %.2f s), bar %.2f; memory %.1f MiB (openssl %.1f), bar %d: %s\n",
			d.name, wall, m.wall.Seconds(), n.wall.Seconds(), cpu, m.cpu.Seconds(), n.cpu.Seconds(), maxRatio,
			float64(memory)/(1<<20), float64(n.memory)/(1<<20), maxMemory>>20, map[bool]string{true: "met", false: "MISSED"}[fine])
	}
	return ok, nil
}

// median takes the median of each figure for itself.
func median(runs []run) run {
	middle := func(less func(x, y run) int) run { return slices.SortedFunc(slices.Values(runs), less)[len(runs)/2] }
	return run{
		wall:   middle(func(x, y run) int { return cmp.Compare(x.wall, y.wall) }).wall,
		cpu:    middle(func(x, y run) int { return cmp.Compare(x.cpu, y.cpu) }).cpu,
		memory: middle(func(x, y run) int { return cmp.Compare(x.memory, y.memory) }).memory,
	}
}

func ratio(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }

func writePlain(name string, size int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, mathrand.NewChaCha8([32]byte{1}), size)
	return errors.Join(err, f.Close())
}

func sameFiles(names ...string) error {
	var first []byte
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return err
		}
		if first == nil {
			first = h.Sum(nil)
		} else if !bytes.Equal(first, h.Sum(nil)) {
			return fmt.Errorf("%s differs from %s", name, names[0])
		}
	}
	return nil
}

// writeKeys makes a key pair and writes it as PEM.
func writeKeys(certName, keyName string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "bench"},
		NotBefore:    time.Now(),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(certName, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(keyName, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
}
