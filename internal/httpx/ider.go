package httpx

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"net/http"
	"strings"

	"knutepunkt/internal/feil"
)

// MaksIder bounds the ids of one request.
const MaksIder = 1000

// Ider reads the list of ids that a request's body is, as LesIder does.
func Ider(r *http.Request) ([]string, error) {
	kropp, err := io.ReadAll(r.Body) // bounded by the route
	if err != nil {
		return nil, err
	}
	return LesIder(r.Header.Get("Content-Type"), kropp)
}

// LesIder reads a list of ids, at most MaksIder: JSON (an array, or an object with ider), or
// for text/plain and text/csv one on each line. feil.Ugyldig, feil.ForStor.
func LesIder(contentType string, kropp []byte) (ider []string, err error) {
	kropp = bytes.TrimPrefix(kropp, []byte("\ufeff"))
	typ, _, _ := mime.ParseMediaType(contentType)
	switch forst := bytes.TrimSpace(kropp); {
	case typ == "text/plain" || typ == "text/csv":
		linjer := bufio.NewScanner(bytes.NewReader(kropp))
		for linjer.Scan() {
			if id := strings.Trim(linjer.Text(), " \t\r\";,"); id != "" {
				ider = append(ider, id)
			}
		}
		if linjer.Err() != nil {
			return nil, feil.Ny(feil.Ugyldig, "Filen må ha én id på hver linje")
		}
	case bytes.HasPrefix(forst, []byte("[")):
		err = UnmarshalJSON(kropp, &ider)
	default:
		var inn struct {
			Ider []string `json:"ider"`
		}
		err = UnmarshalJSON(kropp, &inn)
		ider = inn.Ider
	}
	switch {
	case err != nil:
		return nil, err
	case len(ider) == 0:
		return nil, feil.Ny(feil.Ugyldig, "Oppgi minst én id: JSON med ider, eller tekst med én på hver linje")
	case len(ider) > MaksIder:
		return nil, feil.Ny(feil.ForStor, "Oppgi høyst %d ider om gangen", MaksIder)
	}
	return ider, nil
}
