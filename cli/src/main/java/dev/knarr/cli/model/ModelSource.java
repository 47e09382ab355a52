// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import dev.knarr.head.api.FetchReason;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Where the files of one model come from. Immutable. */
public sealed interface ModelSource {
  /** The source in the words of an error message. */
  String description();

  /**
   * Files that are already here.
   *
   * @param path the only file, or the first part of several
   */
  record LocalPath(Path path) implements ModelSource {
    @Override
    public String description() {
      return path.toString();
    }
  }

  /**
   * A file behind an HTTP address.
   *
   * @param url http or https; of the first part where the model has several
   * @param sha256 of each file in hexadecimal, in order; empty where the user gave none
   */
  record Http(URI url, List<String> sha256) implements ModelSource {
    public Http {
      if (!isHttp(url)) {
        throw new ModelException(
            FetchReason.CONFIG_INVALID,
            "The model's address %s is not one of http or https: write it as https://host/path/model.gguf."
                .formatted(url));
      }
      sha256 = sha256.stream().map(hash -> checked(hash, url.toString())).toList();
    }

    @Override
    public String description() {
      return Download.withoutQuery(url);
    }
  }

  /**
   * A file of a repository on Hugging Face, or on a mirror with the same paths. A token, where one
   * is needed, comes from HF_TOKEN.
   *
   * @param repo {@code owner/name}
   * @param file path inside the repository; of the first part where the model has several
   * @param revision a branch, tag or commit
   * @param sha256 of a model in one file, instead of the hash that is published
   * @param endpoint the server, where the file names one; HF_ENDPOINT goes before it
   */
  record HuggingFace(
      String repo, String file, String revision, Optional<String> sha256, Optional<URI> endpoint)
      implements ModelSource {
    public HuggingFace {
      if (!repo.matches("[\\w.-]+/[\\w.-]+") || ("/" + repo + "/").contains("/../")) {
        throw new ModelException(
            FetchReason.CONFIG_INVALID,
            "The Hugging Face repository '%s' has to be written as owner/name.".formatted(repo));
      }
      // The three become folders of the cache.
      if (file.isEmpty() || file.startsWith("/") || ("/" + file + "/").contains("/../")) {
        throw new ModelException(
            FetchReason.CONFIG_INVALID,
            "The file '%s' of %s has to be a path inside the repository.".formatted(file, repo));
      }
      if (!revision.matches("[\\w./-]+") || ("/" + revision + "/").contains("/../")) {
        throw new ModelException(
            FetchReason.CONFIG_INVALID,
            "The revision '%s' of %s has to be a branch, a tag or a commit."
                .formatted(revision, repo));
      }
      if (endpoint.isPresent() && !isHttp(endpoint.get())) {
        throw new ModelException(
            FetchReason.CONFIG_INVALID,
            "The endpoint %s of %s is not an address of http or https."
                .formatted(endpoint.get(), repo));
      }
      sha256 = sha256.map(hash -> checked(hash, file));
    }

    @Override
    public String description() {
      return "%s of %s (%s)".formatted(file, repo, revision);
    }
  }

  /** Whether {@code url} names a host to ask by http or https. */
  static boolean isHttp(URI url) {
    return url.getHost() != null
        && ("http".equalsIgnoreCase(url.getScheme()) || "https".equalsIgnoreCase(url.getScheme()));
  }

  private static String checked(String sha256, String file) {
    var hash = sha256.strip().toLowerCase(Locale.ROOT);
    if (!hash.matches("[0-9a-f]{64}")) {
      throw new ModelException(
          FetchReason.CONFIG_INVALID,
          "The sha256 given for %s has to be 64 hexadecimal digits, not '%s'."
              .formatted(file, sha256));
    }
    return hash;
  }
}
