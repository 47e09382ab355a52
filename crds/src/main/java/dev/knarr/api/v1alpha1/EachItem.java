// SPDX-License-Identifier: Apache-2.0
package dev.knarr.api.v1alpha1;

import io.fabric8.generator.annotation.ValidationRule;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** A rule for each item of a list, so that the API server names the item that breaks it. */
@Target(ElementType.FIELD)
@Retention(RetentionPolicy.RUNTIME)
@interface EachItem {
  /** The rule; {@code self} is the item. */
  ValidationRule value();
}
