package cms_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"strings"

	"knutepunkt/cms"
)

func Example() {
	receiver, previous := kommune(), kommuneOld() // key pairs with certificates

	var message bytes.Buffer
	w, err := cms.NewWriter(&message, receiver.cert)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := io.Copy(w, strings.NewReader("søknad")); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil { // ends the message
		log.Fatal(err)
	}

	// While keys are rotated, a receiver has several.
	r, err := cms.NewReader(&message,
		cms.Key{Private: receiver.key, Certificate: receiver.cert},
		cms.Key{Private: previous.key, Certificate: previous.cert})
	if err != nil {
		log.Fatal(err)
	}
	plain, err := io.ReadAll(r) // an error here means that nothing of it is to be used
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(plain), r.Header().Recipients[0].KeyAlgorithm)
	// Output: søknad RSAES-OAEP(SHA-256, MGF1 SHA-256)
}
