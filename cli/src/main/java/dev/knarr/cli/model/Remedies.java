// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

/**
 * What a user can do about a refusal, by the kind of source.
 *
 * @param unauthorized for 401
 * @param forbidden for 403
 * @param missing for 404
 */
record Remedies(String unauthorized, String forbidden, String missing) {
  static Remedies http() {
    return new Remedies(
        "The address asks for a login, which a plain http source does not have: use an address that needs none, or fetch the file yourself and use a path source.",
        "The server does not give the file to everybody (a signed address may have expired): renew the address, or fetch the file yourself and use a path source.",
        "Correct the address.");
  }

  static Remedies huggingFace(String repo, String revision, String variable, boolean tokenGiven) {
    var access =
        tokenGiven
            ? "The token in %s has no access to %s: accept the model's terms at https://huggingface.co/%s and use a token that may read it."
                .formatted(variable, repo, repo)
            : "%s needs a login, or does not exist: check the name, accept the model's terms at https://huggingface.co/%s and set %s to a token (https://huggingface.co/settings/tokens)."
                .formatted(repo, repo, variable);
    return new Remedies(
        access,
        access,
        "Check the names of repository and file, and that revision '%s' has it: https://huggingface.co/%s/tree/%s."
            .formatted(revision, repo, revision));
  }
}
