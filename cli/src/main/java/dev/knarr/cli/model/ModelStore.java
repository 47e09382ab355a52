// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
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
      case ModelSource.Http http -> fetchHttp(http);
      case ModelSource.HuggingFace repository -> fetchHuggingFace(repository);
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

  private Path fetchHttp(ModelSource.Http source) {
    var url = source.url();
    var parts = PartNames.of(url.getRawPath().isEmpty() ? "/" : url.getRawPath());
    var home =
        folder
            .resolve("http")
            .resolve(url.getHost() + (url.getPort() < 0 ? "" : "_" + url.getPort()))
            .resolve(shortHash(url.toString()));
    var files = new ArrayList<Path>();
    for (var part : parts) {
      var name = part.substring(part.lastIndexOf('/') + 1);
      var hash = files.isEmpty() ? source.sha256() : Optional.<String>empty();
      files.add(
          downloader.fetch(
              new Download(
                  withPath(url, part),
                  home.resolve(name.isEmpty() ? "model.gguf" : name),
                  hash,
                  Optional.empty(),
                  hash.isPresent(),
                  Remedies.http())));
    }
    return files.getFirst();
  }

  private Path fetchHuggingFace(ModelSource.HuggingFace source) {
    var endpoint =
        Optional.ofNullable(environment.get("HF_ENDPOINT"))
            .filter(text -> !text.isBlank())
            .map(text -> URI.create(text.strip().replaceAll("/+$", "")))
            .orElse(HUGGING_FACE);
    var token =
        Optional.ofNullable(environment.get(source.tokenVariable()))
            .map(String::strip)
            .filter(text -> !text.isEmpty());
    var home =
        folder.resolve("hf").resolve(source.repo()).resolve(source.revision().replace('/', '_'));
    var remedies =
        Remedies.huggingFace(source.repo(), source.revision(), source.tokenVariable(), token);
    // A commit never changes; a branch or tag can.
    boolean fixed = source.revision().matches("[0-9a-f]{40}");
    var files = new ArrayList<Path>();
    for (var part : PartNames.of(source.file())) {
      var address =
          withPath(
              endpoint,
              encoded(
                  "%s/%s/resolve/%s/%s"
                      .formatted(endpoint.getPath(), source.repo(), source.revision(), part)));
      files.add(
          downloader.fetch(
              new Download(address, home.resolve(part), Optional.empty(), token, fixed, remedies)));
    }
    return files.getFirst();
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
