// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import static java.util.Objects.requireNonNull;

import io.fabric8.crd.generator.annotation.AdditionalPrinterColumn;
import io.fabric8.crdv2.generator.CRDGenerator;
import io.fabric8.crdv2.generator.CRDPostProcessor;
import io.fabric8.generator.annotation.ValidationRule;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.Volume;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinition;
import io.fabric8.kubernetes.api.model.apiextensions.v1.CustomResourceDefinitionVersion;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaProps;
import io.fabric8.kubernetes.api.model.apiextensions.v1.JSONSchemaPropsBuilder;
import io.fabric8.kubernetes.api.model.apiextensions.v1.ValidationRuleBuilder;
import java.io.ByteArrayOutputStream;
import java.lang.reflect.Field;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Makes the CRD: Fabric8's generator, and what its annotations cannot say. Descriptions are the
 * javadoc of types and fields; a field that is required is one by a CEL rule, since the API server
 * looks at no rule when a field that its schema requires is absent.
 */
final class CrdGenerator implements CRDPostProcessor {
  /** Keys of lists that are maps, so that several owners can apply parts of them. */
  private static final Map<String, String> LIST_KEYS =
      Map.of("spec.workers", "name", "status.workers", "name", "status.conditions", "type");

  /** Kinds of volumes that Kubernetes has given up for CSI; they would be a tenth of the CRD. */
  private static final Set<String> DEAD_VOLUMES =
      Set.of(
          ("awsElasticBlockStore azureDisk azureFile cephfs cinder flexVolume flocker"
                  + " gcePersistentDisk gitRepo glusterfs photonPersistentDisk portworxVolume"
                  + " quobyte rbd scaleIO storageos vsphereVolume")
              .split(" "));

  /** Bounds the cost of rules, which the API server estimates from the longest possible text. */
  private static final long LONGEST_SIZE = 32;

  private static final long MOST_SIZES = 64;

  /** Of Kubernetes' own texts; "i.e. a" and "Required. A" are not its end. */
  private static final Pattern FIRST_SENTENCE = Pattern.compile(".{20,}?\\.(?= [A-Z])");

  private final Javadoc javadoc = new Javadoc();
  private @Nullable CustomResourceDefinition crd;

  private CrdGenerator() {}

  static CustomResourceDefinition generate() {
    var generator = new CrdGenerator();
    new CRDGenerator()
        .customResourceClasses(InferenceCluster.class)
        .withPostProcessor(generator)
        .withOutput(
            new CRDGenerator.AbstractCRDOutput<>() {
              @Override
              protected ByteArrayOutputStream createStreamFor(String crdName) {
                return new ByteArrayOutputStream();
              }
            })
        .generate();
    if (generator.crd == null) {
      throw new IllegalStateException("The generator made no CRD");
    }
    return generator.crd;
  }

  @Override
  public HasMetadata process(HasMetadata resource, String crdSpecVersion) {
    crd = (CustomResourceDefinition) resource;
    for (var version : crd.getSpec().getVersions()) {
      columns(version);
      var root = version.getSchema().getOpenAPIV3Schema();
      root.setDescription(javadoc.of(InferenceCluster.class));
      // Rules may name metadata.name only where the schema does.
      root.getProperties()
          .put(
              "metadata",
              new JSONSchemaPropsBuilder()
                  .withType("object")
                  .addToProperties("name", new JSONSchemaPropsBuilder().withType("string").build())
                  .build());
      root(root, "spec", InferenceClusterSpec.class);
      root(root, "status", InferenceClusterStatus.class);
    }
    return crd;
  }

  private void root(JSONSchemaProps root, String name, Class<?> type) {
    var schema = requireNonNull(root.getProperties().get(name));
    schema.setDescription(javadoc.of(type));
    complete(schema, name, type);
  }

  /** In the order in which they are declared; Fabric8's generator sorts them by path. */
  private static void columns(CustomResourceDefinitionVersion version) {
    var columns = version.getAdditionalPrinterColumns();
    var order =
        List.of(InferenceCluster.class.getAnnotationsByType(AdditionalPrinterColumn.class)).stream()
            .map(AdditionalPrinterColumn::name)
            .toList();
    columns.sort(Comparator.comparingInt(column -> order.indexOf(column.getName())));
  }

  private void complete(JSONSchemaProps schema, String path, Class<?> bean) {
    for (var field : BeanFields.declared(bean).entrySet()) {
      var property = schema.getProperties().get(field.getKey());
      if (property != null) {
        property.setDescription(text(field.getValue()));
        complete(property, path + "." + field.getKey(), field.getValue());
      }
    }
    if (ours(bean) && path.startsWith("spec")) {
      required(schema, LIST_KEYS.get(path.replaceAll("\\[]$", "")));
    }
  }

  private void complete(JSONSchemaProps schema, String path, Field field) {
    var rule = field.getAnnotation(EachItem.class);
    if (rule != null) {
      var items = schema.getItems().getSchema();
      items.getXKubernetesValidations().add(rule(rule.value()));
    }
    content(schema, path, field.getGenericType());
    var key = LIST_KEYS.get(path);
    if (key != null) {
      schema.setXKubernetesListType("map");
      schema.setXKubernetesListMapKeys(List.of(key));
      schema.getItems().getSchema().setRequired(List.of(key));
    }
  }

  private void content(JSONSchemaProps schema, String path, Type type) {
    if (type == Quantity.class) {
      size(schema, path);
    } else if (type instanceof ParameterizedType parameterized) {
      var arguments = parameterized.getActualTypeArguments();
      var element = arguments[arguments.length - 1];
      if (schema.getItems() != null) {
        content(schema.getItems().getSchema(), path + "[]", element);
      } else if (schema.getAdditionalProperties() != null) {
        if (element == Quantity.class) {
          schema.setMaxProperties(MOST_SIZES);
        }
        content(schema.getAdditionalProperties().getSchema(), path + "{}", element);
      }
    } else if (type instanceof Class<?> bean && schema.getProperties() != null) {
      if (bean == Volume.class) {
        schema.getProperties().keySet().removeAll(DEAD_VOLUMES);
      } else if (bean == ObjectMeta.class) {
        schema.getProperties().keySet().retainAll(Set.of("labels", "annotations"));
      }
      complete(schema, path, bean);
    }
  }

  /** A rule costs too much where a list of Kubernetes' types without bounds is around it. */
  private static void size(JSONSchemaProps schema, String path) {
    if (path.replaceFirst("^spec\\.workers\\[]", "").contains("[]")) {
      schema.setPattern("^(" + Patterns.SIZE + ")$");
    } else {
      schema.setMaxLength(LONGEST_SIZE);
      schema.getXKubernetesValidations().addFirst(rule(Cel.IS_SIZE, Sentences.SIZE));
    }
  }

  private static void required(JSONSchemaProps schema, @Nullable String key) {
    for (var name : schema.getRequired()) {
      var field = requireNonNull(schema.getProperties().get(name));
      if (!name.equals(key)) {
        schema
            .getXKubernetesValidations()
            .add(
                new ValidationRuleBuilder()
                    .withRule("has(self.%s)".formatted(name))
                    .withMessage(Sentences.REQUIRED)
                    .withReason(Cel.REQUIRED)
                    .withFieldPath("." + name)
                    .build());
      }
      if ("string".equals(field.getType()) && field.getEnum().isEmpty()) {
        field.getXKubernetesValidations().addFirst(rule(Cel.NOT_BLANK, Sentences.EMPTY_TEXT));
      }
    }
    schema.setRequired(List.of());
  }

  private String text(Field field) {
    var text = javadoc.of(field);
    if (ours(field.getDeclaringClass())) {
      return text;
    }
    var sentence = FIRST_SENTENCE.matcher(text);
    return sentence.lookingAt() ? sentence.group() : text;
  }

  static boolean ours(Class<?> bean) {
    return bean.getPackageName().equals(CrdGenerator.class.getPackageName());
  }

  private static io.fabric8.kubernetes.api.model.apiextensions.v1.ValidationRule rule(
      ValidationRule rule) {
    return rule(rule.value(), rule.message());
  }

  private static io.fabric8.kubernetes.api.model.apiextensions.v1.ValidationRule rule(
      String expression, String sentence) {
    return new ValidationRuleBuilder().withRule(expression).withMessage(sentence).build();
  }
}
