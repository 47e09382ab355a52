// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The reference lists every field of the types, and no other. */
class ReferenceTest {
  private static final Path REFERENCE = Path.of("../docs/reference/inferencecluster.md");
  private static final Pattern ROW = Pattern.compile("\\| `([^`]+)` \\| (.+) \\| (.+) \\|");

  @Test
  void whenTheReferenceIsCompared_thenItHasEveryField() throws IOException {
    var documented =
        Files.readAllLines(REFERENCE).stream()
            .map(ROW::matcher)
            .filter(java.util.regex.Matcher::matches)
            .map(row -> row.group(1).replace("[]", ""))
            .toList();

    var fields = new ArrayList<String>();
    collect(InferenceClusterSpec.class, "spec", fields);
    collect(InferenceClusterStatus.class, "status", fields);

    assertThat(documented).containsExactlyElementsOf(fields);
  }

  @Test
  void whenAnEnumIsInTheReference_thenItsValuesAre() throws IOException {
    var text = Files.readString(REFERENCE);

    for (var values :
        List.of(
            Backend.class, KvCacheType.class, SplitMode.class, TlsMode.class, UpdatePolicy.class)) {
      assertThat(BeanFields.constants(values))
          .allSatisfy(value -> assertThat(text).containsPattern("[| ]" + value + "[ |]"));
    }
  }

  private static void collect(Type type, String path, List<String> fields) {
    var element =
        type instanceof ParameterizedType list && list.getRawType() == List.class
            ? list.getActualTypeArguments()[0]
            : type;
    if (!(element instanceof Class<?> bean)
        || bean.isEnum()
        || !bean.getPackageName().equals(ReferenceTest.class.getPackageName())) {
      return;
    }
    BeanFields.of(bean)
        .forEach(
            (name, fieldType) -> {
              fields.add(path + "." + name);
              collect(fieldType, path + "." + name, fields);
            });
  }
}
