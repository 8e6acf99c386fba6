package rdssim

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

// FuzzRequest: whatever a client sends, the simulation answers with one whole
// XML document, and goes on serving.
func FuzzRequest(f *testing.F) {
	for _, form := range []string{
		"Action=DescribeDBInstances&Version=2014-10-31", "Action=DescribeDBInstances&Version=2014-10-31&MaxRecords=99999999999999999999",
		"Action=DescribeDBInstances&Version=2014-10-31&Marker=%00%ff&Filters.Filter.1.Name=x&Filters.Filter.1.Values.Value.1=y",
		"Action=CreateBlueGreenDeployment&Version=2014-10-31&BlueGreenDeploymentName=a&Source=arn:aws:rds:eu-west-1:111122223333:db:orders&TargetEngineVersion=8.0.46&TargetIops=-1",
		"Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=orders&AllocatedStorage=2147483648&NewDBInstanceIdentifier=%3Cscript%3E&ApplyImmediately=maybe",
		"Action=ModifyDBParameterGroup&Version=2014-10-31&DBParameterGroupName=p57&Parameters.Parameter.1.ParameterName=max_connections&Parameters.Parameter.1.ParameterValue=%22&Parameters.Parameter.1.ApplyMethod=x",
		"Action=DescribeEvents&Version=2014-10-31&Duration=-5&StartTime=never", "Action=ListTagsForResource&Version=2014-10-31&ResourceName=:::",
		"Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=orders&SkipFinalSnapshot=true", "Action=AssumeRole&Version=2011-06-15&RoleArn=x",
		"Action=DownloadDBLogFilePortion&Version=2014-10-31&DBInstanceIdentifier=orders&LogFileName=../../etc/passwd&Marker=x:y", "%zz", "", "Action=&Version=",
		"Action=CreateDBParameterGroup&Version=2014-10-31&DBParameterGroupName=A&DBParameterGroupFamily=mysql8.0&Description=d&Tags.Tag.1.Key=%1b&Tags.Tag.1.Value=",
	} {
		f.Add(form)
	}
	fleet, err := ParseFleet(strings.NewReader(`accounts: [{id: "111122223333", regions: [eu-west-1]}]
parameter_groups: [{name: p57, family: mysql5.7, parameters: {max_connections: "9"}}]
databases: [{id: orders, account: "111122223333", region: eu-west-1, parameter_group: p57, replicas: [{id: orders-r1}]}]
`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, form string) {
		s, err := New(fleet, Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		send := func(form string) (int, []byte) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://rds.sim/", strings.NewReader(form))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIASIM111122223333/20261123/eu-west-1/rds/aws4_request, SignedHeaders=x, Signature=y")
			resp, err := s.Transport().RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, b
		}
		status, body := send(form)
		if status != 200 && status/100 != 4 {
			t.Errorf("HTTP %d: %s", status, body)
		}
		if err := whole(body); err != nil {
			t.Errorf("%v in %.500s", err, body)
		}
		if status, body := send("Action=DescribeDBInstances&Version=2014-10-31"); status != 200 {
			t.Errorf("and then HTTP %d: %s", status, body)
		} else if err := whole(body); err != nil {
			t.Errorf("and then %v in %.500s", err, body)
		}
	})
}

// whole says what keeps a text from being one XML document.
func whole(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
