package asice_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"strings"

	"knutepunkt/asice"
)

func Example() {
	var container bytes.Buffer // in earnest: the writer of package cms

	w, err := asice.NewWriter(&container, rsaIdentity().key, asice.WriterOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := w.Add("sak.json", "application/json", strings.NewReader(`{"sak":1}`)); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil { // signs
		log.Fatal(err)
	}

	var received bytes.Buffer // not to be used until Read has returned nil
	report, err := asice.Read(&container, asice.Options{}, func(name string, content io.Reader) error {
		_, err := received.ReadFrom(content)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	signer, _ := report.Signer()
	fmt.Println(report.Files[0].Name, report.Files[0].MimeType, received.String(), signer.Organisasjonsnummer())
	// Output: sak.json application/json {"sak":1} 910825518
}
