package bluegreen

// Translation is a user-set parameter group carried to another family.
type Translation struct {
	Set     []Parameter       `json:"set,omitempty"`
	Renamed []TranslationNote `json:"renamed,omitempty"`
	Dropped []TranslationNote `json:"dropped,omitempty"`
	Changed []TranslationNote `json:"changed,omitempty"`
	Pinned  []TranslationNote `json:"pinned,omitempty"`
}

// TranslationNote explains one line of a Translation.
type TranslationNote struct {
	From     string `json:"from"`         // parameter in the old family
	To       string `json:"to,omitempty"` // parameter in the new family; "": none
	Value    string `json:"value"`        // before
	NewValue string `json:"new_value"`    // after
	Reason   string `json:"reason"`
	Source   string `json:"source,omitempty"`
}

// TranslatePolicy is what the plan wants of a translated group.
type TranslatePolicy struct {
	// Defaults is what becomes of a default that changed between the families
	// and that the database silently relied on: "pin" (the old value is set) or
	// "take" (the new one is taken, and noted). "" is pin.
	Defaults string
	// WayBack keeps what a reverse replica on the old version can read:
	// character set and collation, plain row images, no compression.
	WayBack bool
}

// TranslateParameters carries user-set parameters to another family.
func TranslateParameters(user []Parameter, fromDefaults, toDefaults []Parameter, fromFamily, toFamily string, pol TranslatePolicy) (Translation, []Issue) {
	return Translation{}, nil
}

// ParameterGroupName is the deterministic name of a translated group.
func ParameterGroupName(campaign, sourceGroup, family string, params []Parameter) string { return "" }

// GroupActions are the calls that create a group and fill it, 20 parameters at a time.
func GroupActions(spec ParameterSpec) []Action { return nil }
