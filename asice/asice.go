// Package asice writes and reads ASiC-E containers with CAdES signatures
// (ETSI TS 102 918, EN 319 162-1), the parcels in which Fiks IO, Digisos and
// Bekymringsmelding carry their files.
//
// Both ways are streams: memory does not grow with the size of the files.
//
//   - [NewWriter] packs and signs while the files pass through.
//   - [Read] goes through a container once, from any io.Reader, and hands each
//     file out as it comes. The verdict comes last: nothing may be acted upon
//     before Read has returned nil.
//   - [Open] verifies everything first and gives the files out afterwards. It
//     needs an io.ReaderAt; where the bytes lie, and whether they lie there in
//     the clear, is the caller's choice. This package never spools.
//   - [Extract] puts the files into a new directory, all or nothing.
//
// Reading is lenient in form and strict in substance. Accepted is what the
// Java and .NET libraries of KS write, now and in 2015: a deflated mimetype,
// misspelt namespaces and digest names, metadata before the payload, several
// manifests and signers, SHA-1 signatures. But every file must be listed in a
// manifest with the right digest, every listed file must be there, and every
// manifest must be signed ([Options.AllowUnsigned] apart). The zip's local
// headers and its central directory must tell the same story, so that a
// streaming reader and a seeking one cannot be shown different files.
//
// A valid signature shows that the holder of the embedded certificate's key
// signed exactly these files. It does not show who that is: anybody can make a
// certificate. See [Signer.Verify].
package asice

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"time"
)

// MediaType is the media type of a container, and the content of its first
// entry.
const MediaType = "application/vnd.etsi.asic-e+zip"

// What can be wrong with a container or with what is to become one. Errors are
// matched with errors.Is; those that concern one file are a [*FileError].
var (
	// ErrFormat: not a zip, a broken one, or one that contradicts itself.
	ErrFormat = errors.New("asice: not a sound zip archive")
	// ErrUnsupported: sound, but in a form that is not read here (encryption or
	// compression other than deflate, XAdES alone, a signature algorithm).
	ErrUnsupported = errors.New("asice: not supported")
	// ErrContainerType: the mimetype entry says that this is something else.
	ErrContainerType = errors.New("asice: not an ASiC-E container according to its mimetype entry")
	// ErrEmpty: there is no file in it.
	ErrEmpty = errors.New("asice: no files")
	// ErrName: a file name that is not allowed.
	ErrName = errors.New("asice: file name not allowed")
	// ErrMediaType: a file's media type that is none.
	ErrMediaType = errors.New("asice: not a media type")
	// ErrDuplicate: two files of one name.
	ErrDuplicate = errors.New("asice: the same file name twice")
	// ErrMetadata: an unknown entry under META-INF/.
	ErrMetadata = errors.New("asice: unknown metadata entry")
	// ErrManifest: no manifest, or one that cannot be understood.
	ErrManifest = errors.New("asice: bad manifest")
	// ErrUnlisted: a file that no manifest vouches for.
	ErrUnlisted = errors.New("asice: file not listed in a manifest")
	// ErrMissing: a file that a manifest lists and the archive lacks.
	ErrMissing = errors.New("asice: listed file missing")
	// ErrDigest: a file that is not the one that was signed.
	ErrDigest = errors.New("asice: digest mismatch")
	// ErrDigestMethod: a digest algorithm that is not accepted.
	ErrDigestMethod = errors.New("asice: digest algorithm not accepted")
	// ErrSignature: a signature that is missing, broken or not valid.
	ErrSignature = errors.New("asice: signature not valid")
	// ErrUnsigned: a manifest without a signature.
	ErrUnsigned = errors.New("asice: not signed")
	// ErrTooMany: more entries than Limits.Files.
	ErrTooMany = errors.New("asice: too many files")
	// ErrTooLarge: more bytes than Limits.FileSize, TotalSize or Metadata.
	ErrTooLarge = errors.New("asice: too large")
	// ErrRatio: compressed beyond Limits.Ratio.
	ErrRatio = errors.New("asice: suspicious compression ratio")
	// ErrSigner: the key or certificate to sign with cannot be used.
	ErrSigner = errors.New("asice: cannot sign with this key and certificate")
)

// FileError says which file an error is about. File names can hold personal
// data, so Error gives the number only; Name is there for those who may see it.
type FileError struct {
	Number int    // place in the archive, counted from 1, mimetype included; 0 if it is not in the archive
	Name   string // as written in the archive or the manifest
	Err    error
}

func (e *FileError) Error() string {
	if e.Number == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("%v (entry %d)", e.Err, e.Number)
}

func (e *FileError) Unwrap() error { return e.Err }

// Limits bound what a container may cost its reader. A zero field means the
// default.
type Limits struct {
	// Files is the largest number of zip entries. Default 2000.
	Files int
	// FileSize is the largest size of one file, bytes, unpacked. Default 8 GiB.
	FileSize int64
	// TotalSize is the largest size of all files together, bytes, unpacked.
	// Default 16 GiB.
	TotalSize int64
	// Metadata is the largest size of all META-INF entries together, bytes,
	// unpacked. They are held in memory. Default 8 MiB.
	Metadata int64
	// Ratio is how many bytes one compressed byte may become. It counts only
	// beyond the first 16 MiB of a file. Default 200.
	Ratio int64
}

const ratioFreeBytes = 16 << 20

func (l Limits) withDefaults() Limits {
	if l.Files == 0 {
		l.Files = 2000
	}
	if l.FileSize == 0 {
		l.FileSize = 8 << 30
	}
	if l.TotalSize == 0 {
		l.TotalSize = 16 << 30
	}
	if l.Metadata == 0 {
		l.Metadata = 8 << 20
	}
	if l.Ratio == 0 {
		l.Ratio = 200
	}
	return l
}

// Options are a reader's choices. The zero value is the safe one.
type Options struct {
	Limits Limits
	// AllowUnsigned accepts a container none of whose manifests has a signature,
	// as the .NET library writes when it has no certificate. The digests are
	// checked as always; Report.Signatures is empty. A container that is signed
	// only in part is refused all the same.
	AllowUnsigned bool
	// Strict refuses whatever one of KS's readers would refuse, and a mimetype
	// entry that is not the first, stored and without extra field. It is meant
	// for tests of writers.
	Strict bool
}

// Report is what was found in a container. Together with a nil error it means
// that every file was listed and undamaged, and every signature held.
type Report struct {
	Files      []FileInfo  // in the archive's order
	Signatures []Signature // one for each manifest; empty if unsigned
}

// FileInfo describes one file of a container.
type FileInfo struct {
	// Name is a clean relative path with slashes: no root, no "..", no control
	// characters. Containers from KS's clients have base names only, but others
	// may have folders. Unique within the container.
	Name string
	// MimeType is what the manifest says of the file. Nobody has checked it.
	MimeType string
	// Size in bytes, unpacked.
	Size int64
	// Rootfile is set on the file that the sender marked as the main one.
	Rootfile bool
	// SHA256 of the unpacked file.
	SHA256 [32]byte
}

// Signature is one manifest with its signature.
type Signature struct {
	Manifest string   // entry name of the manifest
	Entry    string   // entry name of the signature
	Files    []string // names of the files covered
	Signers  []Signer // at least one is valid
}

// Signer is one signer of a manifest.
type Signer struct {
	// Valid tells that the signature matches the manifest and the certificate.
	Valid bool
	// Err says why not.
	Err error
	// Certificate is the signer's, taken from the signature; nil if absent there.
	Certificate *x509.Certificate
	// Embedded are all certificates in the signature, in their order.
	Embedded []*x509.Certificate
	// Digest is the algorithm of the signature. Current Java clients still use
	// crypto.SHA1.
	Digest crypto.Hash
	// Time is when the signer says to have signed, UTC; zero if it does not say.
	Time time.Time
	// CAdES tells that the signature names its certificate (attribute
	// signing-certificate or -v2) and that this is the one.
	CAdES bool
}

// Subject returns the distinguished name of the signer, "" if unknown.
func (s Signer) Subject() string {
	if s.Certificate == nil {
		return ""
	}
	return s.Certificate.Subject.String()
}

var (
	oidSerialNumber           = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidOrganizationIdentifier = asn1.ObjectIdentifier{2, 5, 4, 97}
)

// Organisasjonsnummer returns the nine digits of the Norwegian organisation
// that the certificate names, from organizationIdentifier "NTRNO-…" or else
// from the subject's serialNumber; "" if there is none. It is as trustworthy
// as the certificate's issuer: see Verify.
func (s Signer) Organisasjonsnummer() string {
	if s.Certificate == nil {
		return ""
	}
	for _, oid := range []asn1.ObjectIdentifier{oidOrganizationIdentifier, oidSerialNumber} {
		for _, atv := range s.Certificate.Subject.Names {
			if !atv.Type.Equal(oid) {
				continue
			}
			value, _ := atv.Value.(string)
			number, prefixed := strings.CutPrefix(value, "NTRNO-")
			if isOrganisasjonsnummer(number) && (prefixed || oid.Equal(oidSerialNumber)) {
				return number
			}
		}
	}
	return ""
}

func isOrganisasjonsnummer(s string) bool {
	return len(s) == 9 && strings.Trim(s, "0123456789") == ""
}

// Verify reports whether the signature is valid and the certificate chains up
// to one of roots at the given time, through the embedded certificates. It does
// not ask for revocation.
func (s Signer) Verify(roots *x509.CertPool, at time.Time) error {
	if !s.Valid {
		return fmt.Errorf("%w: %w", ErrSignature, s.Err)
	}
	intermediates := x509.NewCertPool()
	for _, c := range s.Embedded {
		intermediates.AddCert(c)
	}
	_, err := s.Certificate.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   at,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return fmt.Errorf("%w: certificate: %w", ErrSignature, err)
	}
	return nil
}

// Signer returns the first valid signer of everything: the one who stands
// behind all files of the container. False if the container is unsigned, or if
// no one signature covers all files.
func (r Report) Signer() (Signer, bool) {
	for _, sig := range r.Signatures {
		if len(sig.Files) != len(r.Files) {
			continue
		}
		for _, s := range sig.Signers {
			if s.Valid {
				return s, true
			}
		}
	}
	return Signer{}, false
}
