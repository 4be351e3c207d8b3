package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	messagingScope = "https://www.googleapis.com/auth/firebase.messaging"
	grantType      = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	tokenLifetime  = time.Hour
)

type fcm struct {
	to     *url.URL
	header http.Header
}

// newFCM fetches one OAuth token (RFC 7523), which holds for an hour.
func newFCM(o *order, client http.RoundTripper) (sender, error) {
	token, err := accessToken(o.Credential, client)
	if err != nil {
		return nil, err
	}
	to, err := url.Parse(o.Origin + "/v1/projects/" + o.Credential["project_id"] + "/messages:send")
	if err != nil {
		return nil, err
	}
	return &fcm{to, http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}}, nil
}

func (f *fcm) accepted() int { return http.StatusOK }

func (f *fcm) request(p *push) (*http.Request, error) {
	return post(f.to, f.header, []byte(p.Payload)), nil
}

func accessToken(account map[string]string, client http.RoundTripper) (string, error) {
	key, err := signingKey(account["private_key"])
	if err != nil {
		return "", err
	}
	now := time.Now()
	assertion, err := key.token(map[string]any{"kid": account["private_key_id"]}, map[string]any{
		"iss": account["client_email"], "scope": messagingScope, "aud": account["token_uri"],
		"iat": now.Unix(), "exp": now.Add(tokenLifetime).Unix(),
	})
	if err != nil {
		return "", err
	}
	at, err := url.Parse(account["token_uri"])
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {grantType}, "assertion": {assertion}}.Encode()
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	answer, err := client.RoundTrip(post(at, header, []byte(form)))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var said struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil || strings.TrimSpace(said.AccessToken) == "" {
		return "", fmt.Errorf("no OAuth token: %d %v", answer.StatusCode, err)
	}
	return said.AccessToken, nil
}
