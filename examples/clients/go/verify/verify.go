// Package verify does what a service does with a token that it is given.
package verify

import (
	"context"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Token verifies an issued token by what the issuer publishes: signature, iss, aud and exp.
func Token(ctx context.Context, issuer, audience, token string) error {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return err
	}
	_, err = provider.Verifier(&oidc.Config{ClientID: audience}).Verify(ctx, token)
	return err
}
