// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.sun.source.doctree.DocCommentTree;
import com.sun.source.doctree.DocTree;
import com.sun.source.doctree.LinkTree;
import com.sun.source.doctree.LiteralTree;
import com.sun.source.doctree.TextTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePathScanner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;

/**
 * What the sources say about types and fields: ours in this module, those of the Kubernetes model
 * in the source jars on the class path. One thread.
 */
final class Javadoc {
  private static final Path SOURCES = Path.of("src/main/java");

  private final Map<String, Map<String, String>> texts = new HashMap<>();

  /** The text of a type. */
  String of(Class<?> type) {
    return texts(type).getOrDefault("", "");
  }

  /** The text of a field; Kubernetes types have it at their getters. */
  String of(Field field) {
    var known = texts(field.getDeclaringClass());
    var property = field.getAnnotation(JsonProperty.class);
    var written = property == null ? field.getName() : property.value();
    var getter = "get" + written.substring(0, 1).toUpperCase(Locale.ROOT) + written.substring(1);
    var text = known.get(field.getName());
    return text != null ? text : known.getOrDefault(getter, "");
  }

  private Map<String, String> texts(Class<?> type) {
    return texts.computeIfAbsent(type.getName(), _ -> read(type));
  }

  private static Map<String, String> read(Class<?> type) {
    var file = type.getName().replace('.', '/') + ".java";
    var source = source(file);
    if (source == null) {
      return Map.of();
    }
    var unit =
        new SimpleJavaFileObject(URI.create("string:///" + file), JavaFileObject.Kind.SOURCE) {
          @Override
          public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return source;
          }
        };
    var task =
        (JavacTask)
            ToolProvider.getSystemJavaCompiler()
                .getTask(null, null, null, List.of("-proc:none"), null, List.of(unit));
    var found = new HashMap<String, String>();
    var trees = DocTrees.instance(task);
    try {
      new TreePathScanner<@Nullable Void, Map<String, String>>() {
        @Override
        public @Nullable Void visitClass(ClassTree tree, Map<String, String> into) {
          if (tree.getSimpleName().contentEquals(type.getSimpleName())) {
            add("", into);
          }
          return super.visitClass(tree, into);
        }

        @Override
        public @Nullable Void visitVariable(VariableTree tree, Map<String, String> into) {
          add(tree.getName().toString(), into);
          return null;
        }

        @Override
        public @Nullable Void visitMethod(MethodTree tree, Map<String, String> into) {
          add(tree.getName().toString(), into);
          return null;
        }

        private void add(String name, Map<String, String> into) {
          var comment = trees.getDocCommentTree(getCurrentPath());
          if (comment != null) {
            into.put(name, text(comment));
          }
        }
      }.scan(task.parse(), found);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return found;
  }

  private static @Nullable String source(String file) {
    try {
      if (Files.exists(SOURCES.resolve(file))) {
        return Files.readString(SOURCES.resolve(file));
      }
      try (var stream = Javadoc.class.getClassLoader().getResourceAsStream(file)) {
        return stream == null ? null : new String(stream.readAllBytes(), StandardCharsets.UTF_8);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String text(DocCommentTree comment) {
    return comment.getFullBody().stream()
        .map(Javadoc::text)
        .collect(Collectors.joining())
        .replaceAll("\\s+", " ")
        .strip();
  }

  private static String text(DocTree part) {
    return switch (part) {
      case TextTree text -> text.getBody();
      case LiteralTree literal -> literal.getBody().getBody();
      case LinkTree link -> link.getReference().getSignature().replaceAll(".*[.#]", "");
      case DocTree markup when markup.getKind() == DocTree.Kind.ENTITY ->
          switch (markup.toString()) {
            case "&lt;" -> "<";
            case "&gt;" -> ">";
            case "&amp;" -> "&";
            default -> markup.toString();
          };
      default -> " ";
    };
  }
}
