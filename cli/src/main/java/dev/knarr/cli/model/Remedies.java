// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

/**
 * What a user can do, by the kind of source and by where Knarr runs.
 *
 * @param unauthorized for 401
 * @param forbidden for 403
 * @param missing for 404
 * @param otherwise for any other refusal
 * @param room where the storage is too small
 * @param storage where the storage cannot be written
 */
record Remedies(
    String unauthorized,
    String forbidden,
    String missing,
    String otherwise,
    String room,
    String storage) {
  private static final String LOCAL_OTHERWISE =
      "Try again later, or fetch the file yourself and use a path source.";
  private static final String LOCAL_ROOM =
      "Make room, or set KNARR_CACHE to a folder on another disk; what is here stays and is used then.";
  private static final String LOCAL_STORAGE = "Correct the folder, or set KNARR_CACHE to another.";

  private static final String CLUSTER_OTHERWISE =
      "Try again later, or put the file on a volume and use a claim source.";
  private static final String CLUSTER_ROOM =
      "Make room on the volume, or give the model's storage a larger size or another volume.";
  private static final String CLUSTER_STORAGE =
      "The volume has to be writable for the user of the pod (its fsGroup).";

  static Remedies http() {
    return new Remedies(
        "The address asks for a login, which a plain http source does not have: use an address that needs none, or fetch the file yourself and use a path source.",
        "The server does not give the file to everybody (a signed address may have expired): renew the address, or fetch the file yourself and use a path source.",
        "Correct the address.",
        LOCAL_OTHERWISE,
        LOCAL_ROOM,
        LOCAL_STORAGE);
  }

  static Remedies huggingFace(String repo, String revision, String variable, boolean tokenGiven) {
    var access =
        tokenGiven
            ? "The token in %s has no access to %s: accept the model's terms at https://huggingface.co/%s and use a token that may read it."
                .formatted(variable, repo, repo)
            : "%s needs a login, or does not exist: check the name, accept the model's terms at https://huggingface.co/%s and set %s to a token (https://huggingface.co/settings/tokens)."
                .formatted(repo, repo, variable);
    return new Remedies(
        access, access, missing(repo, revision), LOCAL_OTHERWISE, LOCAL_ROOM, LOCAL_STORAGE);
  }

  /** On Kubernetes. */
  static Remedies httpInCluster(boolean headersGiven) {
    var access =
        headersGiven
            ? "It does not accept the headers of headersSecretRef: correct the Secret, or renew a signed address."
            : "It asks for a login, and no headers were given: name a Secret with an Authorization entry in headersSecretRef, or renew a signed address.";
    return new Remedies(
        access,
        access,
        "Correct the url of the source.",
        CLUSTER_OTHERWISE,
        CLUSTER_ROOM,
        CLUSTER_STORAGE);
  }

  /** On Kubernetes. */
  static Remedies huggingFaceInCluster(String repo, String revision, boolean tokenGiven) {
    var access =
        tokenGiven
            ? "The token of tokenSecretRef has no access to %s: accept the model's terms at https://huggingface.co/%s and use a token that may read it."
                .formatted(repo, repo)
            : "%s needs a login, or does not exist, and no token was given: check the name, accept the model's terms at https://huggingface.co/%s and name a Secret with a token in tokenSecretRef."
                .formatted(repo, repo);
    return new Remedies(
        access, access, missing(repo, revision), CLUSTER_OTHERWISE, CLUSTER_ROOM, CLUSTER_STORAGE);
  }

  private static String missing(String repo, String revision) {
    return "Check the names of repository and file, and that revision '%s' has it: https://huggingface.co/%s/tree/%s."
        .formatted(revision, repo, revision);
  }
}
