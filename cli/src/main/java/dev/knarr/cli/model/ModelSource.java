// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import java.net.URI;
import java.nio.file.Path;
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
   * @param sha256 of that file in hexadecimal, where the user gave one
   */
  record Http(URI url, Optional<String> sha256) implements ModelSource {
    public Http {
      sha256 = sha256.map(hash -> hash.toLowerCase(Locale.ROOT));
      if (!isHttp(url)) {
        throw new ModelException(
            "The model's address %s is not one of http or https: write it as https://host/path/model.gguf."
                .formatted(url));
      }
      if (sha256.isPresent() && !sha256.get().matches("[0-9a-f]{64}")) {
        throw new ModelException(
            "The sha256 given for %s has to be 64 hexadecimal digits, not '%s'."
                .formatted(url, sha256.get()));
      }
    }

    @Override
    public String description() {
      return url.toString();
    }

    private static boolean isHttp(URI url) {
      return url.getHost() != null
          && ("http".equalsIgnoreCase(url.getScheme())
              || "https".equalsIgnoreCase(url.getScheme()));
    }
  }

  /**
   * A file of a repository on Hugging Face (or a mirror with the same paths).
   *
   * @param repo {@code owner/name}
   * @param file path inside the repository; of the first part where the model has several
   * @param revision a branch, tag or commit
   * @param tokenVariable name of the environment variable that holds the token, if one is set
   */
  record HuggingFace(String repo, String file, String revision, String tokenVariable)
      implements ModelSource {
    public HuggingFace {
      if (!repo.matches("[\\w.-]+/[\\w.-]+")) {
        throw new ModelException(
            "The Hugging Face repository '%s' has to be written as owner/name.".formatted(repo));
      }
      // The three become folders of the cache.
      if (file.isEmpty() || file.startsWith("/") || ("/" + file + "/").contains("/../")) {
        throw new ModelException(
            "The file '%s' of %s has to be a path inside the repository.".formatted(file, repo));
      }
      if (!revision.matches("[\\w./-]+") || ("/" + revision + "/").contains("/../")) {
        throw new ModelException(
            "The revision '%s' of %s has to be a branch, a tag or a commit."
                .formatted(revision, repo));
      }
    }

    /** A file of the main branch; the token comes from HF_TOKEN. */
    public HuggingFace(String repo, String file) {
      this(repo, file, "main", "HF_TOKEN");
    }

    @Override
    public String description() {
      return "%s of %s (%s)".formatted(file, repo, revision);
    }
  }
}
