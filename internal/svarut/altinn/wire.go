package altinn

import "slices"

// vedleggInn announces a file.
type vedleggInn struct {
	ResourceID       string `json:"resourceId"`
	FileName         string `json:"fileName"`
	DisplayName      string `json:"displayName"`
	IsEncrypted      bool   `json:"isEncrypted"`
	Checksum         string `json:"checksum"` // MD5, hex in lower case
	SendersReference string `json:"sendersReference"`
}

// meldingInn makes a correspondence.
type meldingInn struct {
	Correspondence      korrespondanse `json:"correspondence"`
	Recipients          []string       `json:"recipients"`
	ExistingAttachments []string       `json:"existingAttachments"`
	IdempotentKey       string         `json:"idempotentKey"`
}

type korrespondanse struct {
	ResourceID           string  `json:"resourceId"`
	SendersReference     string  `json:"sendersReference"`
	MessageSender        string  `json:"messageSender,omitempty"`
	Content              innhold `json:"content"`
	Notification         varsel  `json:"notification"`
	IgnoreReservation    bool    `json:"ignoreReservation"`
	IsConfirmationNeeded bool    `json:"isConfirmationNeeded"`
	IsConfidential       bool    `json:"isConfidential"`
}

type innhold struct {
	Language       string     `json:"language"`
	MessageTitle   string     `json:"messageTitle"`
	MessageSummary string     `json:"messageSummary"`
	MessageBody    string     `json:"messageBody"`
	Attachments    []struct{} `json:"attachments"` // none: they are existing ones
}

type varsel struct {
	NotificationTemplate string `json:"notificationTemplate"`
	NotificationChannel  string `json:"notificationChannel"`
	EmailSubject         string `json:"emailSubject,omitempty"`
	EmailBody            string `json:"emailBody,omitempty"`
	SMSBody              string `json:"smsBody,omitempty"`
	SendReminder         bool   `json:"sendReminder"`
}

// Statuses of attachments.
const (
	vedleggKlargjort = "Initialized"
	vedleggSkannes   = "UploadProcessing"
	vedleggPublisert = "Published"
	vedleggFeilet    = "Failed"
)

// meldingUt is what Altinn says of a correspondence.
type meldingUt struct {
	Status        string `json:"status"`
	StatusHistory []struct {
		Status string `json:"status"`
	} `json:"statusHistory"`
}

// har tells whether the correspondence is or was in one of the statuses: one that
// was read may be archived or deleted by the time we look.
func (m meldingUt) har(statuser ...string) bool {
	if slices.Contains(statuser, m.Status) {
		return true
	}
	for _, h := range m.StatusHistory {
		if slices.Contains(statuser, h.Status) {
			return true
		}
	}
	return false
}

// lest: the receiver has seen the letter.
func (m meldingUt) lest() bool {
	return m.har("Read", "Replied", "Confirmed", "AttachmentsDownloaded")
}

// publisert: it is, or was, in the receiver's inbox.
func (m meldingUt) publisert() bool { return m.har("Published", "Fetched") || m.lest() }

// avslag says why the receiver will not read the letter in Altinn; "" when that
// is still possible.
func (m meldingUt) avslag() string {
	switch m.Status {
	case "Reserved":
		return "Mottakeren har reservert seg mot digital post"
	case "Failed":
		return "Altinn kunne ikke levere meldingen"
	case "PurgedByRecipient":
		return "Mottakeren slettet meldingen i Altinn uten å lese den"
	case "PurgedByAltinn":
		return "Meldingen er slettet i Altinn"
	}
	return ""
}
