package forvaltning

var (
	NyBydelFelt  = nyBydelFelt
	Bydeladresse = bydeladresse
)
