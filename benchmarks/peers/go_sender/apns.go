package main

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

type apns struct {
	base   url.URL
	header http.Header
}

// newAPNs signs once: a provider token holds for an hour.
func newAPNs(o *order) (sender, error) {
	key, err := signingKey(o.Credential["key"])
	if err != nil {
		return nil, err
	}
	now := time.Now()
	token, err := key.token(
		map[string]any{"kid": o.Credential["key_id"]}, map[string]any{"iss": o.Credential["team_id"], "iat": now.Unix()},
	)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(o.Origin)
	if err != nil {
		return nil, err
	}
	expires := now.Add(time.Duration(o.TTLSeconds) * time.Second).Unix()
	return &apns{*base, http.Header{
		"Authorization":    {"bearer " + token},
		"Apns-Topic":       {o.Credential["topic"]},
		"Apns-Push-Type":   {"alert"},
		"Apns-Priority":    {"5"},
		"Apns-Expiration":  {strconv.FormatInt(expires, 10)},
		"Apns-Collapse-Id": {"steeple"},
	}}, nil
}

func (a *apns) accepted() int { return http.StatusOK }

func (a *apns) request(p *push) (*http.Request, error) {
	to := a.base
	to.Path = "/3/device/" + strings.ToLower(p.Address.Token)
	return post(&to, a.header, []byte(p.Payload)), nil
}
