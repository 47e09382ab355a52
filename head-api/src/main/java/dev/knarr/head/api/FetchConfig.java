// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.net.URI;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What {@code knarr fetch} is to bring, read from one JSON file. Unknown fields and missing values
 * are errors that name the file and the field. Immutable.
 *
 * @param identity for whom; absent outside of Kubernetes
 * @param files what to bring, in order
 * @param caBundle certificates to trust besides those of the Java runtime, PEM
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record FetchConfig(@Nullable Identity identity, List<Item> files, @Nullable Path caBundle) {

  /** Checks that there is something to bring and that names differ. */
  public FetchConfig {
    Checks.required("files", files);
    files = List.copyOf(files);
    if (files.isEmpty()) {
      throw new IllegalArgumentException("files is empty: name at least one");
    }
    Set<String> names = new HashSet<>();
    for (Item file : files) {
      if (!names.add(file.name())) {
        throw new IllegalArgumentException(
            "files has two entries named " + file.name() + ": give each its own name");
      }
    }
  }

  /**
   * One model, in one file or in parts.
   *
   * @param name what it is, for the messages: {@code model}, {@code draft} or {@code projector}
   * @param source where it comes from
   * @param target where its file goes, or the first of its parts, with the others beside it; for
   *     what is fetched, not for a path
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Item(String name, Source source, @Nullable Path target) {
    /** Checks that there is a target exactly for what is fetched. */
    public Item {
      Checks.required("name", name);
      Checks.required("source", source);
      if (source.path() == null) {
        Checks.required("target", target);
      } else if (target != null) {
        throw new IllegalArgumentException("target is for what is fetched: a path stays in place");
      }
    }
  }

  /**
   * Where a model comes from; exactly one of these.
   *
   * @param http a web server
   * @param huggingFace a repository of Hugging Face
   * @param path a file that is there already: only checked
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Source(
      @Nullable Http http, @Nullable HuggingFace huggingFace, @Nullable Path path) {
    /** Checks that it is exactly one. */
    public Source {
      if (Stream.of(http, huggingFace, path).filter(one -> one != null).count() != 1) {
        throw new IllegalArgumentException("source has to be one of http, huggingFace and path");
      }
    }

    /** A file of a web server. */
    public static Source of(Http http) {
      return new Source(http, null, null);
    }

    /** A file of a repository. */
    public static Source of(HuggingFace huggingFace) {
      return new Source(null, huggingFace, null);
    }

    /** A file that is there. */
    public static Source of(Path path) {
      return new Source(null, null, path);
    }
  }

  /**
   * A file of a web server.
   *
   * @param url its address, or that of the first part
   * @param sha256 of each file in hexadecimal, in order; empty where they are not known
   * @param headersFolder a folder whose files are sent as request headers, to this server only: the
   *     name of a file is the header's, its content the value
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Http(URI url, List<String> sha256, @Nullable Path headersFolder) {
    /** Checks that the address is there. */
    public Http {
      Checks.required("url", url);
      sha256 = sha256 == null ? List.of() : List.copyOf(sha256);
    }
  }

  /**
   * A file of a repository of Hugging Face.
   *
   * @param repo {@code owner/name}
   * @param file path inside the repository, of the first part where there are several
   * @param revision branch, tag or commit; {@code main} when absent
   * @param endpoint the server; absent for huggingface.co
   * @param sha256 of a model in one file; absent for what the server publishes
   * @param tokenFile file with the access token; absent for repositories open to all
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record HuggingFace(
      String repo,
      String file,
      String revision,
      @Nullable URI endpoint,
      @Nullable String sha256,
      @Nullable Path tokenFile) {
    /** Checks that repository and file are there. */
    public HuggingFace {
      Checks.required("repo", repo);
      Checks.required("file", file);
      revision = revision == null ? "main" : revision;
    }
  }

  /**
   * Reads a configuration.
   *
   * @throws HeadException with {@link HeadReason#CONFIG_INVALID} when the file cannot be read or
   *     holds anything that is not understood
   */
  public static FetchConfig read(Path file) {
    return JsonFile.read(file, FetchConfig.class, "Fetch configuration");
  }

  /** Writes this configuration as the JSON that {@link #read} takes. */
  public String toJson() {
    return JsonFile.write(this);
  }
}
