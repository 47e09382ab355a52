// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Turns the source of a model into a file that is here, complete and checked.
 *
 * <p>Fetched files stay in one folder: {@code hf/OWNER/REPO/REVISION/FILE} and {@code
 * http/HOST/HASH-OF-ADDRESS/FILE}. A file is fetched once; where its source can change under the
 * same name (a branch, an address without a hash) the server is asked whether it has, and the file
 * is used as it is when the server cannot be reached. May be called by one thread at a time; runs
 * of several processes over one folder wait for each other.
 */
public final class ModelStore {
  /** The environment variable of the token for Hugging Face; nobody else needs to see it. */
  public static final String TOKEN_VARIABLE = "HF_TOKEN";

  private static final URI HUGGING_FACE = URI.create("https://huggingface.co");

  private final Path folder;
  private final Map<String, String> environment;
  private final Downloader downloader;

  /**
   * A store over {@code folder}, which is made when it is needed.
   *
   * @param environment of the process: tokens, and {@code HF_ENDPOINT} for a mirror of Hugging Face
   * @param listener hears how transfers go on
   */
  public ModelStore(Path folder, Map<String, String> environment, TransferListener listener) {
    this(folder, environment, listener, TransferLimits.defaults());
  }

  ModelStore(
      Path folder,
      Map<String, String> environment,
      TransferListener listener,
      TransferLimits limits) {
    this.folder = folder;
    this.environment = Map.copyOf(environment);
    this.downloader = new Downloader(listener, limits);
  }

  /**
   * The model's file, or its first part with all others beside it.
   *
   * @throws ModelException where the model cannot be had
   */
  public Path fetch(ModelSource source) {
    return switch (source) {
      case ModelSource.LocalPath local -> present(local);
      case ModelSource.Http http -> fetchAll(downloads(http));
      case ModelSource.HuggingFace repository -> fetchAll(downloads(repository));
    };
  }

  private static Path present(ModelSource.LocalPath local) {
    var path = local.path();
    if (Files.isDirectory(path)) {
      throw new ModelException(
          "The model %s is a folder: name the .gguf file, or the first of its parts."
              .formatted(path));
    }
    var name = String.valueOf(path.getFileName());
    var missing = new ArrayList<String>();
    var parts = PartNames.of(name);
    for (var part : parts) {
      if (!Files.isRegularFile(path.resolveSibling(part))) {
        missing.add(part);
      }
    }
    if (missing.isEmpty()) {
      if (!Files.isReadable(path)) {
        throw new ModelException(
            "The model %s may not be read by this user: change its permissions.".formatted(path));
      }
      return path;
    }
    if (parts.size() == 1) {
      throw new ModelException(
          "The model %s does not exist: correct spec.model.source.path (it is relative to the cluster file)."
              .formatted(path));
    }
    throw new ModelException(
        "%d of the %d parts of the model are missing in %s: %s. Put them beside the first."
            .formatted(missing.size(), parts.size(), path.getParent(), String.join(", ", missing)));
  }

  /** The model's file where all of it is here already; asks nobody. */
  public Optional<Path> cached(ModelSource source) {
    return switch (source) {
      case ModelSource.LocalPath local -> Optional.of(present(local));
      case ModelSource.Http http -> complete(downloads(http));
      case ModelSource.HuggingFace repository -> complete(downloads(repository));
    };
  }

  private Path fetchAll(List<Download> downloads) {
    downloads.forEach(downloader::fetch);
    return downloads.getFirst().target();
  }

  private static Optional<Path> complete(List<Download> downloads) {
    return downloads.stream().allMatch(Downloader::isHere)
        ? Optional.of(downloads.getFirst().target())
        : Optional.empty();
  }

  private List<Download> downloads(ModelSource.Http source) {
    var url = source.url();
    var parts = PartNames.of(url.getRawPath().isEmpty() ? "/" : url.getRawPath());
    var hashes = source.sha256();
    if (!hashes.isEmpty() && hashes.size() != parts.size()) {
      throw new ModelException(
          "%s has %d part%s, but %d sha256 %s given: give one for each, in order, or none."
              .formatted(
                  source.description(),
                  parts.size(),
                  parts.size() == 1 ? "" : "s",
                  hashes.size(),
                  hashes.size() == 1 ? "is" : "are"));
    }
    var home =
        folder
            .resolve("http")
            .resolve(url.getHost() + (url.getPort() < 0 ? "" : "_" + url.getPort()))
            .resolve(shortHash(url.toString()));
    var downloads = new ArrayList<Download>();
    for (int i = 0; i < parts.size(); i++) {
      var part = parts.get(i);
      var name = part.substring(part.lastIndexOf('/') + 1);
      downloads.add(
          new Download(
              withPath(url, part),
              home.resolve(name.isEmpty() ? "model.gguf" : name),
              hashes.isEmpty() ? Optional.empty() : Optional.of(hashes.get(i)),
              Optional.empty(),
              !hashes.isEmpty(),
              Remedies.http()));
    }
    return downloads;
  }

  private List<Download> downloads(ModelSource.HuggingFace source) {
    var endpoint =
        variable("HF_ENDPOINT")
            .map(text -> URI.create(text.replaceAll("/+$", "")))
            .or(source::endpoint)
            .orElse(HUGGING_FACE);
    var token = variable(TOKEN_VARIABLE);
    var home =
        folder.resolve("hf").resolve(source.repo()).resolve(source.revision().replace('/', '_'));
    var remedies =
        Remedies.huggingFace(source.repo(), source.revision(), TOKEN_VARIABLE, token.isPresent());
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
                                    endpoint.getPath(), source.repo(), source.revision(), part))),
                    home.resolve(part),
                    hash,
                    token,
                    fixed,
                    remedies))
        .toList();
  }

  private Optional<String> variable(String name) {
    return Optional.ofNullable(environment.get(name))
        .map(String::strip)
        .filter(text -> !text.isEmpty());
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
      throw new ModelException("The path %s cannot be part of an address.".formatted(path), e);
    }
  }

  private static String shortHash(String text) {
    var digest = Sha256.start().digest(text.getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(digest, 0, 8);
  }
}
