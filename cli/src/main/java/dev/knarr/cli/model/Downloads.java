// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.head.api.FetchReason;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** The files of a source, one download for each part. */
final class Downloads {
  /** Where models are unless a mirror is named. */
  static final URI HUGGING_FACE = URI.create("https://huggingface.co");

  private Downloads() {}

  /**
   * The files behind an HTTP address.
   *
   * @param target where a part goes, by its path in the address
   * @param headers for the server
   */
  static List<Download> of(
      ModelSource.Http source,
      Function<String, Path> target,
      Map<String, String> headers,
      Remedies remedies) {
    var url = source.url();
    var parts = PartNames.of(url.getRawPath().isEmpty() ? "/" : url.getRawPath());
    var hashes = source.sha256();
    if (!hashes.isEmpty() && hashes.size() != parts.size()) {
      throw new ModelException(
          FetchReason.CONFIG_INVALID,
          "%s has %d part%s, but %d sha256 %s given: give one for each, in order, or none."
              .formatted(
                  source.description(),
                  parts.size(),
                  parts.size() == 1 ? "" : "s",
                  hashes.size(),
                  hashes.size() == 1 ? "is" : "are"));
    }
    var downloads = new ArrayList<Download>();
    for (int i = 0; i < parts.size(); i++) {
      downloads.add(
          new Download(
              withPath(url, parts.get(i)),
              target.apply(parts.get(i)),
              hashes.isEmpty() ? Optional.empty() : Optional.of(hashes.get(i)),
              headers,
              !hashes.isEmpty(),
              remedies));
    }
    return downloads;
  }

  /**
   * The files of a repository.
   *
   * @param endpoint the server
   * @param target where a part goes, by its path in the repository
   * @param headers for the server
   */
  static List<Download> of(
      ModelSource.HuggingFace source,
      URI endpoint,
      Function<String, Path> target,
      Map<String, String> headers,
      Remedies remedies) {
    var parts = PartNames.of(source.file());
    var hash = parts.size() == 1 ? source.sha256() : Optional.<String>empty();
    // A commit never changes; a branch or tag can.
    boolean fixed = source.revision().matches("[0-9a-f]{40}") || hash.isPresent();
    return parts.stream()
        .map(
            part ->
                new Download(
                    withPath(
                        endpoint,
                        encoded(
                            "%s/%s/resolve/%s/%s"
                                .formatted(
                                    endpoint.getPath().replaceAll("/+$", ""),
                                    source.repo(),
                                    source.revision(),
                                    part))),
                    target.apply(part),
                    hash,
                    headers,
                    fixed,
                    remedies))
        .toList();
  }

  /** The header that carries an access token. */
  static Map<String, String> bearer(Optional<String> token) {
    return token.map(secret -> Map.of("Authorization", "Bearer " + secret)).orElse(Map.of());
  }

  /** What comes after the last slash. */
  static String fileName(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  /**
   * The same address with another path, already encoded. The query stays to the letter: signed
   * addresses have one, and decoding it would break the signature.
   */
  private static URI withPath(URI url, String rawPath) {
    var query = url.getRawQuery() == null ? "" : "?" + url.getRawQuery();
    return URI.create(url.getScheme() + "://" + url.getRawAuthority() + rawPath + query);
  }

  private static String encoded(String path) {
    try {
      return new URI(null, null, path, null).getRawPath();
    } catch (URISyntaxException e) {
      throw new ModelException(
          FetchReason.CONFIG_INVALID,
          "The path %s cannot be part of an address.".formatted(path),
          e);
    }
  }
}
