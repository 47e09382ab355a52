// SPDX-License-Identifier: Apache-2.0
/**
 * What the operator makes of a cluster: one class per kind of object that it owns, each a pure
 * function from a {@link dev.knarr.operator.dependent.Blueprint} to objects, applied by {@link
 * dev.knarr.operator.dependent.OwnedDependentResource}. Entry: {@link
 * dev.knarr.operator.dependent.Blueprint}.
 */
@NullMarked
package dev.knarr.operator.dependent;

import org.jspecify.annotations.NullMarked;
