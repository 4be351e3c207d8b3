package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
)

const coordinateSize = 32

// A signer makes the last part of a JSON Web Token (RFC 7519).
type signer struct {
	algorithm string
	sign      func(digest []byte) ([]byte, error)
}

// signingKey reads a P-256 (ES256) or an RSA key (RS256) from PKCS #8.
func signingKey(text string) (*signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("the key is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return &signer{"ES256", func(digest []byte) ([]byte, error) {
			r, s, err := ecdsa.Sign(rand.Reader, key, digest)
			if err != nil {
				return nil, err
			}
			made := make([]byte, 2*coordinateSize)
			r.FillBytes(made[:coordinateSize])
			s.FillBytes(made[coordinateSize:])
			return made, nil
		}}, nil
	case *rsa.PrivateKey:
		return &signer{"RS256", func(digest []byte) ([]byte, error) {
			return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest)
		}}, nil
	}
	return nil, fmt.Errorf("a key of type %T does not sign", key)
}

func (s *signer) token(header, claims map[string]any) (string, error) {
	header["typ"], header["alg"] = "JWT", s.algorithm
	head, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := base64.RawURLEncoding.EncodeToString(head) + "." + base64.RawURLEncoding.EncodeToString(body)
	digest := sha256.Sum256([]byte(text))
	signature, err := s.sign(digest[:])
	if err != nil {
		return "", err
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
