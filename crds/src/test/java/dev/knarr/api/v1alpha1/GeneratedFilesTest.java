// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The CRD and its reference are what the types say. With {@code KNARR_TEST_RECORD=1} they are
 * written.
 */
class GeneratedFilesTest {
  static final Path CRD_FILE = Path.of("inferenceclusters.knarr.dev.yaml");

  private static final Path REFERENCE = Path.of("../docs/reference/inferencecluster.md");

  /** kubectl apply keeps the whole CRD in an annotation, and those end at 256 KiB. */
  private static final int MOST_BYTES = 200 * 1024;

  private static final String COMMAND =
      "KNARR_TEST_RECORD=1 ./mvnw -pl crds -am test -Dtest=GeneratedFilesTest -Dsurefire.failIfNoSpecifiedTests=false";
  private static final String HEAD =
      """
      # SPDX-License-Identifier: Apache-2.0
      # Made from the types in dev.knarr.api.v1alpha1. After a change there:
      # %s
      """
          .formatted(COMMAND);

  private static final CustomResourceDefinition CRD = CrdGenerator.generate();

  @Test
  void whenTheCrdIsGenerated_thenItIsTheCommittedOne() throws IOException {
    assertCommitted(CRD_FILE, HEAD + CompactYaml.of(CRD));
  }

  @Test
  void whenTheCrdIsApplied_thenItIsSmallEnoughForKubectl() throws IOException {
    assertThat(Files.size(CRD_FILE)).isLessThan(MOST_BYTES);
  }

  @Test
  void whenTheReferenceIsMade_thenItIsTheCommittedOne() throws IOException {
    assertCommitted(REFERENCE, ReferencePage.of(COMMAND));
  }

  @Test
  void whenAFieldIsLookedUp_thenItIsDescribed() {
    var version = CRD.getSpec().getVersions().getFirst();
    var root = version.getSchema().getOpenAPIV3Schema();
    var undescribed = new ArrayList<String>();
    for (var name : List.of("spec", "status")) {
      collect(requireNonNull(root.getProperties().get(name)), name, undescribed);
    }

    assertThat(undescribed).isEmpty();
  }

  private static void collect(JSONSchemaProps schema, String path, List<String> undescribed) {
    if (schema.getDescription() == null || schema.getDescription().isBlank()) {
      undescribed.add(path);
    }
    var element = schema.getItems() == null ? schema : schema.getItems().getSchema();
    element
        .getProperties()
        .forEach((name, property) -> collect(property, path + "." + name, undescribed));
  }

  private static void assertCommitted(Path file, String content) throws IOException {
    if ("1".equals(System.getenv("KNARR_TEST_RECORD"))) {
      Files.writeString(file, content);
    }
    var committed = Files.exists(file) ? Files.readString(file, StandardCharsets.UTF_8) : "";
    assertThat(committed.equals(content))
        .withFailMessage("%s is not what the types say. Run %s", file.getFileName(), COMMAND)
        .isTrue();
  }
}
