// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;

/** The fields a bean has in a document: ours and those of the Kubernetes model. Any thread. */
final class BeanFields {
  private static final Map<Class<?>, Map<String, Type>> KNOWN = new ConcurrentHashMap<>();

  private BeanFields() {}

  /** Names as they are written, with the types of their values; a class's own fields first. */
  static Map<String, Type> of(Class<?> bean) {
    return KNOWN.computeIfAbsent(bean, BeanFields::find);
  }

  private static Map<String, Type> find(Class<?> bean) {
    var types = new LinkedHashMap<String, Type>();
    declared(bean).forEach((name, field) -> types.put(name, field.getGenericType()));
    return types;
  }

  /** The same fields as they are declared. */
  static Map<String, Field> declared(Class<?> bean) {
    var fields = new LinkedHashMap<String, Field>();
    for (Class<?> type = bean; type != null && type != Object.class; type = type.getSuperclass()) {
      for (var field : type.getDeclaredFields()) {
        if (!Modifier.isStatic(field.getModifiers())
            && !field.isAnnotationPresent(JsonIgnore.class)
            && !field.getName().equals("additionalProperties")) {
          fields.put(name(field), field);
        }
      }
    }
    return fields;
  }

  /** The name as it is written in a document. */
  static String name(Field field) {
    var property = field.getAnnotation(JsonProperty.class);
    return property == null || property.value().isEmpty() ? field.getName() : property.value();
  }

  /** The values of an enum as they are written. */
  static Set<String> constants(Class<?> type) {
    var values = new TreeSet<String>();
    for (var field : type.getDeclaredFields()) {
      if (field.isEnumConstant()) {
        values.add(name(field));
      }
    }
    return values;
  }
}
