// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import java.net.URI;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * One file to fetch. Immutable.
 *
 * @param url where it is
 * @param target where it goes
 * @param sha256 what its bytes have to hash to, where the user said so
 * @param headers sent to the host of {@code url} only, such as Authorization
 * @param fixed whether the file can never change under this address, so that a complete copy needs
 *     no question to the server
 * @param remedies what to do about refusals
 */
record Download(
    URI url,
    Path target,
    Optional<String> sha256,
    Map<String, String> headers,
    boolean fixed,
    Remedies remedies) {
  String name() {
    return String.valueOf(target.getFileName());
  }

  /** Not the default of a record: a secret has no place in a log, a signed address neither. */
  @Override
  public String toString() {
    return "Download of " + address();
  }

  /** The address without its query, which may hold a signature. */
  String address() {
    return withoutQuery(url);
  }

  static String withoutQuery(URI url) {
    return url.getScheme() + "://" + url.getRawAuthority() + url.getRawPath();
  }
}
