// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
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

  private final Path folder;
  private final Map<String, String> environment;
  private final Downloader downloader;

  /**
   * A store over {@code folder}, which is made when it is needed.
   *
   * @param environment of the process: tokens, proxies, and {@code HF_ENDPOINT} for a mirror of
   *     Hugging Face
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
    this.downloader = new Downloader(listener, limits, WebAccess.by(this.environment));
  }

  /**
   * The model's file, or its first part with all others beside it.
   *
   * @throws ModelException where the model cannot be had
   */
  public Path fetch(ModelSource source) {
    return switch (source) {
      case ModelSource.LocalPath local ->
          PresentFiles.require(
              local.path(), "correct spec.model.source.path (it is relative to the cluster file)");
      case ModelSource.Http http -> fetchAll(downloads(http));
      case ModelSource.HuggingFace repository -> fetchAll(downloads(repository));
    };
  }

  /** The model's file where all of it is here already; asks nobody. */
  public Optional<Path> cached(ModelSource source) {
    return switch (source) {
      case ModelSource.LocalPath local ->
          Optional.of(
              PresentFiles.require(
                  local.path(),
                  "correct spec.model.source.path (it is relative to the cluster file)"));
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
    var home =
        folder
            .resolve("http")
            .resolve(url.getHost() + (url.getPort() < 0 ? "" : "_" + url.getPort()))
            .resolve(shortHash(url.toString()));
    return Downloads.of(
        source,
        part -> {
          var name = Downloads.fileName(part);
          return home.resolve(name.isEmpty() ? "model.gguf" : name);
        },
        Map.of(),
        Remedies.http());
  }

  private List<Download> downloads(ModelSource.HuggingFace source) {
    var endpoint =
        variable("HF_ENDPOINT")
            .map(text -> URI.create(text.replaceAll("/+$", "")))
            .or(source::endpoint)
            .orElse(Downloads.HUGGING_FACE);
    var token = variable(TOKEN_VARIABLE);
    var home =
        folder.resolve("hf").resolve(source.repo()).resolve(source.revision().replace('/', '_'));
    return Downloads.of(
        source,
        endpoint,
        home::resolve,
        Downloads.bearer(token),
        Remedies.huggingFace(source.repo(), source.revision(), TOKEN_VARIABLE, token.isPresent()));
  }

  private Optional<String> variable(String name) {
    return Optional.ofNullable(environment.get(name))
        .map(String::strip)
        .filter(text -> !text.isEmpty());
  }

  private static String shortHash(String text) {
    var digest = Sha256.start().digest(text.getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(digest, 0, 8);
  }
}
