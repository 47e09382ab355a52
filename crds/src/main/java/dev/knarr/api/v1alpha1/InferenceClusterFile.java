// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * An InferenceCluster read from a file in YAML or JSON. Reading is strict and reports every problem
 * at once, each with its line: unknown fields, wrong types and units, absent fields, and broken
 * rules. Immutable.
 */
public final class InferenceClusterFile {
  private static final long MAX_FILE_BYTES = 1L << 20;
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final Path file;
  private final InferenceCluster cluster;

  private InferenceClusterFile(Path file, InferenceCluster cluster) {
    this.file = file;
    this.cluster = cluster;
  }

  /**
   * Reads a file by the rules that hold everywhere.
   *
   * @throws InferenceClusterFileException with all problems
   */
  public static InferenceClusterFile read(Path file) {
    return read(file, false);
  }

  /**
   * Reads a file for local mode, which serves fewer kinds of sources.
   *
   * @throws InferenceClusterFileException with all problems
   */
  public static InferenceClusterFile readLocal(Path file) {
    return read(file, true);
  }

  private static InferenceClusterFile read(Path file, boolean local) {
    var document = YamlDocument.parse(file, text(file));
    var problems = new ArrayList<>(document.problems());
    if (document.value().isEmpty()) {
      throw new InferenceClusterFileException(problems);
    }
    // Values that are wrong by themselves were left out: their rules are not looked at twice.
    var cluster = MAPPER.convertValue(document.value().get(), InferenceCluster.class);
    var violations = new ArrayList<>(SpecRules.check(cluster));
    if (local) {
      violations.addAll(SpecRules.checkLocal(cluster));
    }
    for (var violation : violations) {
      boolean known =
          document.problems().stream()
              .anyMatch(problem -> covers(problem.field(), violation.field()));
      if (!known) {
        problems.add(
            new Problem(
                file, document.lineOf(violation.field()), violation.field(), violation.message()));
      }
    }
    if (!problems.isEmpty()) {
      problems.sort(Comparator.comparingInt(Problem::line));
      throw new InferenceClusterFileException(problems);
    }
    return new InferenceClusterFile(file, cluster);
  }

  private static boolean covers(String field, String other) {
    return !field.isEmpty()
        && (other.equals(field) || other.startsWith(field + ".") || other.startsWith(field + "["));
  }

  private static String text(Path file) {
    try {
      if (Files.isDirectory(file)) {
        throw whole(file, "This is a folder. Name the YAML file of the cluster.");
      }
      if (Files.size(file) > MAX_FILE_BYTES) {
        throw whole(file, "The file is over 1 MiB. It is not an InferenceCluster; name another.");
      }
      return Files.readString(file);
    } catch (NoSuchFileException _) {
      throw whole(file, "There is no such file. Check the path.");
    } catch (CharacterCodingException _) {
      throw whole(file, "The file is not text in UTF-8. Name the YAML file of the cluster.");
    } catch (IOException e) {
      throw whole(
          file, "The file cannot be read (%s). Check its permissions.".formatted(e.getMessage()));
    }
  }

  private static InferenceClusterFileException whole(Path file, String message) {
    return new InferenceClusterFileException(List.of(new Problem(file, 1, "", message)));
  }

  /** The file. */
  public Path file() {
    return file;
  }

  /** What it holds. */
  public InferenceCluster cluster() {
    return cluster;
  }

  /** What it holds, with all defaults. */
  public ResolvedSpec resolved() {
    return ResolvedSpec.from(cluster);
  }

  /** A path of the document, which is relative to the file's folder. */
  public Path resolve(String path) {
    return file.toAbsolutePath().resolveSibling(path).normalize();
  }
}
