package altinn

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// vedleggInn announces an attachment. Fields that are not here are refused, so that
// a misspelt one is seen; Altinn itself would pass it over.
type vedleggInn struct {
	ResourceID       string `json:"resourceId"`
	FileName         string `json:"fileName"`
	DisplayName      string `json:"displayName"`
	IsEncrypted      bool   `json:"isEncrypted"`
	Checksum         string `json:"checksum"`
	SendersReference string `json:"sendersReference"`
	ExpirationInDays *int   `json:"expirationInDays"`
}

type meldingInn struct {
	Correspondence      *korrespondanse `json:"correspondence"`
	Recipients          []string        `json:"recipients"`
	ExistingAttachments []string        `json:"existingAttachments"`
	IdempotentKey       *string         `json:"idempotentKey"`
}

type korrespondanse struct {
	ResourceID           string            `json:"resourceId"`
	SendersReference     string            `json:"sendersReference"`
	MessageSender        string            `json:"messageSender"`
	Content              *innhold          `json:"content"`
	RequestedPublishTime *time.Time        `json:"requestedPublishTime"`
	DueDateTime          *time.Time        `json:"dueDateTime"`
	PropertyList         map[string]string `json:"propertyList"`
	Notification         *varsel           `json:"notification"`
	IgnoreReservation    *bool             `json:"ignoreReservation"`
	IsConfirmationNeeded bool              `json:"isConfirmationNeeded"`
	IsConfidential       bool              `json:"isConfidential"`
}

type innhold struct {
	Language       string            `json:"language"`
	MessageTitle   string            `json:"messageTitle"`
	MessageSummary *string           `json:"messageSummary"`
	MessageBody    string            `json:"messageBody"`
	Attachments    []json.RawMessage `json:"attachments"` // of the one-step form, which is not here
}

type varsel struct {
	NotificationTemplate string `json:"notificationTemplate"`
	NotificationChannel  string `json:"notificationChannel"`
	EmailSubject         string `json:"emailSubject"`
	EmailBody            string `json:"emailBody"`
	SMSBody              string `json:"smsBody"`
	SendReminder         bool   `json:"sendReminder"`
}

// avslag is an error of Altinn's: a code with its text, or (code 0) a request that
// is not of the right form.
type avslag struct {
	status, kode int
	tekst        string
}

func form(tekst string) *avslag { return &avslag{http.StatusBadRequest, 0, tekst} }

func ugyldig(kode int, tekst string) *avslag { return &avslag{http.StatusBadRequest, kode, tekst} }

// lesJSON reads a body of the form of v, and nothing else.
func lesJSON(r *http.Request, v any) *avslag {
	if typ, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); typ != "application/json" {
		return &avslag{http.StatusUnsupportedMediaType, 0, "Content-Type must be application/json"}
	}
	d := json.NewDecoder(io.LimitReader(r.Body, maksJSON))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return form("the body is not of the right form: " + err.Error())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return form("something follows the JSON value")
	}
	return nil
}

// filtyper are those that Altinn takes.
var filtyper = []string{".doc", ".xls", ".docx", ".xlsx", ".ppt", ".pps", ".zip", ".pdf", ".html", ".txt", ".xml", ".jpg", ".gif",
	".bmp", ".png", ".json"}

var md5hex = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (v vedleggInn) sjekk() *avslag {
	switch {
	case v.ResourceID == "" || tegn(v.ResourceID) > 255:
		return form("resourceId must have 1 to 255 characters")
	case v.SendersReference == "" || tegn(v.SendersReference) > 4096:
		return form("sendersReference must have 1 to 4096 characters")
	case tegn(v.DisplayName) > 255:
		return form("displayName must have at most 255 characters")
	case v.Checksum != "" && !md5hex.MatchString(v.Checksum):
		return form("The checksum, if used, must be a MD5 hash with a length of 32 characters, in lower case")
	case strings.TrimSpace(v.FileName) == "":
		return ugyldig(2010, "Filename is missing")
	case tegn(v.FileName) > 255:
		return ugyldig(2011, "Filename is too long")
	case strings.ContainsAny(v.FileName, "/\x00"):
		return ugyldig(2012, "Filename contains invalid characters")
	case !slices.Contains(filtyper, strings.ToLower(path.Ext(v.FileName))):
		return ugyldig(2013, "Filetype not allowed")
	}
	return nil
}

var mottakerform = regexp.MustCompile(`^urn:altinn:(organization:identifier-no:\d{9}|person:identifier-no:\d{11})$`)

// sjekkForm checks what needs no knowledge of anything else.
func (m meldingInn) sjekkForm() *avslag {
	c := m.Correspondence
	switch {
	case c == nil:
		return form("correspondence is required")
	case len(m.Recipients) == 0 || len(m.Recipients) > 500:
		return form("recipients must hold 1 to 500")
	case c.ResourceID == "" || tegn(c.ResourceID) > 255:
		return form("resourceId must have 1 to 255 characters")
	case c.SendersReference == "" || tegn(c.SendersReference) > 4096:
		return form("sendersReference must have 1 to 4096 characters")
	case tegn(c.MessageSender) > 256:
		return form("messageSender must have at most 256 characters")
	case len(c.PropertyList) > 10:
		return form("propertyList can contain at most 10 properties")
	}
	for _, r := range m.Recipients {
		if !mottakerform.MatchString(r) {
			return form("a recipient must be an organization number or a national identity number as an urn")
		}
	}
	if m.IdempotentKey != nil {
		if id, err := uuid.Parse(*m.IdempotentKey); err != nil || id == uuid.Nil || len(*m.IdempotentKey) != 36 {
			return ugyldig(1033, "The idempotency key must be a valid non-empty GUID")
		}
		if len(m.Recipients) > 1 {
			return ugyldig(1047, "Idempotency key is not supported for requests with multiple recipients")
		}
	}
	return nil
}

// sjekkInnhold checks texts, times and notification.
func (m meldingInn) sjekkInnhold(naa time.Time) *avslag {
	c, t := m.Correspondence, m.Correspondence.Content
	switch {
	case c.IsConfirmationNeeded && c.DueDateTime == nil:
		return ugyldig(1016, "DueDateTime is required when confirmation is needed")
	case c.DueDateTime != nil && c.DueDateTime.Before(naa):
		return ugyldig(1008, "DueDateTime cannot be prior to today")
	case t == nil:
		return ugyldig(1019, "The Content field must be provided for the correspondence")
	case strings.TrimSpace(t.MessageTitle) == "":
		return ugyldig(1020, "Message title cannot be empty")
	case tegn(t.MessageTitle) > 255:
		return ugyldig(1037, "Message title cannot exceed 255 characters")
	case !rentekst(t.MessageTitle):
		return ugyldig(1002, "Message title must be plain text")
	case strings.TrimSpace(t.MessageBody) == "":
		return ugyldig(1021, "Message body cannot be empty")
	case tegn(t.MessageBody) > 30_000:
		return ugyldig(1022, "Message body cannot exceed 30000 characters")
	case htmlmerke.MatchString(t.MessageBody):
		return ugyldig(1003, "Message body must be markdown")
	case t.MessageSummary != nil && tegn(*t.MessageSummary) > 255:
		return ugyldig(1042, "Message summary, if not null, must be between 0 and 255 characters long")
	case t.MessageSummary != nil && !rentekst(*t.MessageSummary):
		return ugyldig(1004, "Message summary must be plain text")
	case !slices.Contains([]string{"nb", "nn", "en"}, t.Language):
		return ugyldig(1023, "Invalid language chosen")
	case !rentekst(c.MessageSender):
		return ugyldig(1039, "Message sender must be plain text")
	case len(t.Attachments) > 0:
		return ugyldig(1005, "Mismatch between uploaded files and attachment metadata")
	case len(m.ExistingAttachments) > 100:
		return ugyldig(1038, "A correspondence cannot contain more than 100 attachments in total")
	}
	if c.Notification != nil {
		return c.Notification.sjekk()
	}
	return nil
}

func (v varsel) sjekk() *avslag {
	epost, sms := v.EmailSubject != "" && v.EmailBody != "", v.SMSBody != ""
	switch {
	case !slices.Contains([]string{"CustomMessage", "GenericAltinnMessage"}, v.NotificationTemplate):
		return &avslag{http.StatusNotFound, 3001, "The requested notification template with the given language was not found"}
	case !slices.Contains([]string{"Email", "Sms", "EmailPreferred", "SmsPreferred", "EmailAndSms"}, v.NotificationChannel):
		return form("unknown notificationChannel")
	case tegn(v.EmailSubject) > 128 || tegn(v.EmailBody) > 1024 || tegn(v.SMSBody) > 160:
		return form("a text of the notification is too long")
	case v.NotificationTemplate == "GenericAltinnMessage":
		return nil
	case v.NotificationChannel == "Email" && !epost:
		return ugyldig(3002, "Email body and subject must be provided when sending email notifications")
	case v.NotificationChannel == "Sms" && !sms:
		return ugyldig(3004, "SMS body must be provided when sending SMS notifications")
	case strings.HasSuffix(v.NotificationChannel, "Preferred") && !(epost && sms):
		return ugyldig(3006, "Email body, subject and SMS body must be provided when sending preferred notifications")
	case v.NotificationChannel == "EmailAndSms" && !(epost && sms):
		return ugyldig(3024, "Email body, subject and SMS body must be provided when sending email and SMS notifications")
	}
	return nil
}

var (
	htmlmerke = regexp.MustCompile(`<[a-zA-Z/!]`)
	utforming = regexp.MustCompile("[<>*_`~|\\\\\\[\\]{}#$^]|^\\s*([-+]|\\d+[.)])\\s|\\n")
)

// rentekst tells whether nothing in s is formatting to markdown or HTML: stricter
// than Altinn, which compares the text before and after.
func rentekst(s string) bool { return !utforming.MatchString(s) }

// tegn counts as .NET does: UTF-16 code units.
func tegn(s string) (n int) {
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}
